import { constants, type KeyObject, verify } from 'node:crypto';
import { type SigningAlgorithm, type SigningFacts, signingAlgorithms } from '../spec/algorithm.ts';
import { type CurveName, curves } from '../spec/curve.ts';
import { verifyDigest } from './ecdsa.ts';
import { verifyEd25519ph } from './ed25519ph.ts';
import { keyObject } from './key-object.ts';
import { isSigningHash, type SigningHash, verifyPkcs1, verifyPss } from './rsa.ts';

/**
 * Verifies a signature with the public half of a pair.
 * @param spki of a key whose spec has the algorithm
 * @param message one that the algorithm takes as this type: a DIGEST has its length
 * @param signature as AWS KMS gives it: of ECDSA in DER
 */
export function verifySignature(
  spki: Buffer,
  algorithm: SigningAlgorithm,
  messageType: 'RAW' | 'DIGEST',
  message: Buffer,
  signature: Buffer,
): boolean {
  const key = keyObject(spki);
  const { scheme, hash, saltBytes }: SigningFacts = signingAlgorithms[algorithm];
  if (messageType === 'DIGEST') {
    return hash !== undefined && isSigningHash(hash) && verifyHashed(key, scheme, hash, message, signature);
  }
  return scheme === 'RSASSA-PSS'
    ? verify(
        hash,
        message,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes ?? 0 },
        signature,
      )
    : verify(hash ?? null, message, key, signature);
}

function isCurve(name: string): name is CurveName {
  return Object.hasOwn(curves, name);
}

function verifyHashed(
  key: KeyObject,
  scheme: SigningFacts['scheme'],
  hash: SigningHash,
  digest: Buffer,
  signature: Buffer,
): boolean {
  switch (scheme) {
    case 'RSASSA-PSS':
      return verifyPss(key, hash, digest, signature);
    case 'RSASSA-PKCS1-v1_5':
      return verifyPkcs1(key, hash, digest, signature);
    case 'ECDSA': {
      const { namedCurve } = key.asymmetricKeyDetails ?? {};
      return (
        namedCurve !== undefined && isCurve(namedCurve) && verifyDigest(key, namedCurve, digest, signature)
      );
    }
    case 'Ed25519ph':
      // A DIGEST is hashed once more (AWS KMS API reference, Verify, MessageType).
      return verifyEd25519ph(key, digest, signature);
    case 'Ed25519':
    case 'ML-DSA':
      return false;
  }
}
