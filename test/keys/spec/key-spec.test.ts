import { hash as digest, generateKeyPairSync } from 'node:crypto';
import * as kms from '@aws-sdk/client-kms';
import { expect } from 'chai';
import {
  encryptionAlgorithms,
  keyAgreementAlgorithms,
  macAlgorithms,
  oaepLimit,
  refusedEncryptionAlgorithms,
  refusedSigningAlgorithms,
  type SigningFacts,
  signingAlgorithms,
} from '../../../src/keys/spec/algorithm.ts';
import {
  algorithmsOf,
  factsOf,
  isDataKeyPairSpec,
  isPairSpec,
  type KeySpec,
  keySpecs,
  keyUsages,
  refusedKeySpecs,
  refusedKeyUsages,
  usagesOf,
} from '../../../src/keys/spec/key-spec.ts';
import { mayWrap, wrappingAlgorithms, wrappingKeySpecs } from '../../../src/keys/spec/wrapping.ts';

const specs = Object.keys(keySpecs).filter((name): name is KeySpec => name in keySpecs);

describe('the table of key specs', () => {
  it('names every one of AWS’s, to be made or to be refused', () => {
    expect([...specs, ...Object.keys(refusedKeySpecs)]).to.have.members(Object.values(kms.KeySpec));
    expect([...keyUsages, ...refusedKeyUsages]).to.have.members(Object.values(kms.KeyUsageType));
  });

  it('names every algorithm of AWS’s but those of what is refused', () => {
    expect([...Object.keys(signingAlgorithms), ...refusedSigningAlgorithms]).to.have.members(
      Object.values(kms.SigningAlgorithmSpec),
    );
    expect([...Object.keys(encryptionAlgorithms), ...refusedEncryptionAlgorithms]).to.have.members(
      Object.values(kms.EncryptionAlgorithmSpec),
    );
    expect(Object.keys(macAlgorithms)).to.have.members(Object.values(kms.MacAlgorithmSpec));
    expect(Object.keys(keyAgreementAlgorithms)).to.have.members(Object.values(kms.KeyAgreementAlgorithmSpec));
    expect([...Object.keys(wrappingAlgorithms), 'RSAES_PKCS1_V1_5', 'SM2PKE']).to.have.members(
      Object.values(kms.AlgorithmSpec),
    );
    expect([...Object.keys(wrappingKeySpecs), 'SM2']).to.have.members(Object.values(kms.WrappingKeySpec));
    expect([...specs.filter(isDataKeyPairSpec), ...Object.keys(refusedKeySpecs)]).to.have.members(
      Object.values(kms.DataKeyPairSpec),
    );
  });

  it('gives every spec a usage and every usage an algorithm, and uses every algorithm', () => {
    const used = new Set<string>();
    for (const keySpec of specs) {
      expect(usagesOf(keySpec), keySpec).to.have.length.above(0);
      for (const keyUsage of keyUsages) for (const name of algorithmsOf(keySpec, keyUsage)) used.add(name);
    }
    expect([...used]).to.have.members([
      ...Object.keys(signingAlgorithms),
      ...Object.keys(encryptionAlgorithms),
      ...Object.keys(macAlgorithms),
      ...Object.keys(keyAgreementAlgorithms),
    ]);
  });

  it('has the sizes that the primitives have', () => {
    for (const facts of Object.values<SigningFacts>(signingAlgorithms)) {
      const { hash, digestBytes, saltBytes } = facts;
      if (hash === undefined) expect(digestBytes).to.equal(undefined);
      else expect(digest(hash, '', 'buffer')).to.have.length(digestBytes ?? -1);
      if (saltBytes !== undefined) expect(saltBytes).to.equal(digestBytes);
    }
    for (const { hash, macBytes } of Object.values(macAlgorithms)) {
      expect(digest(hash, '', 'buffer')).to.have.length(macBytes);
    }
    for (const keySpec of specs.filter(isPairSpec)) {
      const facts = factsOf(keySpec);
      if (facts.family !== 'ec') continue;
      const jwk = generateKeyPairSync('ec', { namedCurve: facts.curve }).publicKey.export({ format: 'jwk' });
      expect(jwk.crv).to.equal(facts.jwkCurve);
      expect(Buffer.from(jwk.x ?? '', 'base64url')).to.have.length(facts.fieldBytes);
    }
  });

  it('has the limits of AWS’s table for RSAES_OAEP', () => {
    const rows = [
      [2048, 214, 190],
      [3072, 342, 318],
      [4096, 470, 446],
    ] as const;
    for (const [bits, sha1, sha256] of rows) {
      expect(oaepLimit(bits / 8, 'RSAES_OAEP_SHA_1')).to.equal(sha1);
      expect(oaepLimit(bits / 8, 'RSAES_OAEP_SHA_256')).to.equal(sha256);
    }
  });

  it('lets material be wrapped as AWS does', () => {
    expect(mayWrap('SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256', 'RSA_2048')).to.equal(true);
    expect(mayWrap('SYMMETRIC_DEFAULT', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_2048')).to.equal(false);
    expect(mayWrap('HMAC_512', 'RSAES_OAEP_SHA_1', 'RSA_4096')).to.equal(true);
    expect(mayWrap('RSA_2048', 'RSAES_OAEP_SHA_256', 'RSA_4096')).to.equal(false);
    expect(mayWrap('RSA_4096', 'RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048')).to.equal(true);
    expect(mayWrap('ECC_NIST_P521', 'RSAES_OAEP_SHA_256', 'RSA_2048')).to.equal(false);
    expect(mayWrap('ECC_NIST_P521', 'RSAES_OAEP_SHA_256', 'RSA_3072')).to.equal(true);
    expect(mayWrap('ECC_NIST_P521', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_2048')).to.equal(true);
    expect(mayWrap('ML_DSA_44', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_4096')).to.equal(false);
  });
});
