/**
 * Data key pairs: made by the host and not by the token, since their private halves leave it, plain or encrypted, as
 * PKCS#8. PKCS#11 has no call that gives PKCS#8 out, but by wrapping, and tokens differ in what they wrap; a session
 * object that may leave the token is refused by some. OpenSSL's generator, which the kernel seeds, draws them.
 */
import { generateKeyPairSync } from 'node:crypto';
import { type DataKeyPairSpec, factsOf } from '../../keys/spec/key-spec.ts';
import { Failure } from './failure.ts';

export interface DataKeyPair {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer;
  /** PrivateKeyInfo (PKCS#8) in DER: the caller zeroes it. */
  readonly privateKey: Buffer;
}

const encodings = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
} as const;

export function makeDataKeyPair(pairSpec: DataKeyPairSpec): DataKeyPair {
  const facts = factsOf(pairSpec);
  switch (facts.family) {
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: facts.modulusBits, ...encodings });
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: facts.curve, ...encodings });
    case 'edwards':
      return generateKeyPairSync('ed25519', encodings);
    default:
      throw new Failure('internal', `no data key pairs are made of ${pairSpec}`);
  }
}
