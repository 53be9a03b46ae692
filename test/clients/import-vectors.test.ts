import { createPrivateKey, createPublicKey, type webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { z } from 'zod';
import { factsOf } from '../../src/keys/spec/key-spec.ts';
import { importInto, newExternalKey, parametersFor } from './importing.ts';
import { service } from './shared.ts';

const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);
const curves = z.enum(['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521']);
const schema = z.object({
  hmac: z.object({
    cases: z.array(
      z.object({
        keySpec: z.enum(['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512']),
        key: hex,
        message: hex,
        mac: hex,
      }),
    ),
  }),
  oaep: z.object({
    keys: z.array(
      z.object({
        algorithm: z.enum(['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256']),
        n: hex,
        e: hex,
        d: hex,
        p: hex,
        q: hex,
        dp: hex,
        dq: hex,
        qi: hex,
        cases: z.array(z.object({ message: hex, ciphertext: hex })),
      }),
    ),
  }),
  ecdh: z.object({
    cases: z.array(z.object({ keySpec: curves, d: hex, x: hex, y: hex, peerX: hex, peerY: hex, z: hex })),
  }),
});
const vectors = schema.parse(
  JSON.parse(readFileSync(new URL('../vectors/imports.json', import.meta.url), 'utf8')),
);

const base64url = (text: string) => Buffer.from(text, 'hex').toString('base64url');
const pkcs8 = (key: webcrypto.JsonWebKey) =>
  createPrivateKey({ key, format: 'jwk' }).export({ format: 'der', type: 'pkcs8' });

describe('published vectors, with the key imported', () => {
  let client: KMS;
  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
    await newExternalKey(client);
  });

  for (const { keySpec, key, message, mac } of vectors.hmac.cases) {
    it(`RFC 4231: ${keySpec}, a key of ${key.length / 2} bytes`, async () => {
      const facts = factsOf(keySpec);
      const bytes = facts.family === 'hmac' ? facts.secretBytes : expect.fail();
      const MacAlgorithm = `HMAC_SHA_${keySpec.slice('HMAC_'.length)}` as 'HMAC_SHA_256';
      const { id: KeyId } = await newExternalKey(client, {
        KeySpec: keySpec,
        KeyUsage: 'GENERATE_VERIFY_MAC',
      });
      // HMAC appends zeros to what is shorter than the hash's block (RFC 2104 §2).
      await importInto(client, KeyId, Buffer.concat([Buffer.from(key, 'hex')], bytes));
      const Message = Buffer.from(message, 'hex');
      const { Mac } = await client.generateMac({ KeyId, Message, MacAlgorithm });
      expect(Buffer.from(Mac ?? []).toString('hex')).to.equal(mac);
      const verified = await client.verifyMac({ KeyId, Message, MacAlgorithm, Mac: Buffer.from(mac, 'hex') });
      expect(verified.MacValid).to.equal(true);
    });
  }

  for (const { algorithm, cases, ...numbers } of vectors.oaep.keys) {
    it(`${algorithm}: every ciphertext decrypts`, async () => {
      const KeyUsage = 'ENCRYPT_DECRYPT';
      const { id: KeyId } = await newExternalKey(client, { KeySpec: 'RSA_2048', KeyUsage });
      const { n, e, d, p, q, dp, dq, qi } = numbers;
      const parts = Object.entries({ n, e, d, p, q, dp, dq, qi }).map(([name, text]) => [
        name,
        base64url(text),
      ]);
      const parameters = await parametersFor(client, KeyId, 'RSA_AES_KEY_WRAP_SHA_1');
      await importInto(client, KeyId, pkcs8({ kty: 'RSA', ...Object.fromEntries(parts) }), {}, parameters);
      for (const { message, ciphertext } of cases) {
        const { Plaintext } = await client.decrypt({
          KeyId,
          CiphertextBlob: Buffer.from(ciphertext, 'hex'),
          EncryptionAlgorithm: algorithm,
        });
        expect(Buffer.from(Plaintext ?? []).toString('hex')).to.equal(message);
      }
    });
  }

  for (const [index, { keySpec, d, x, y, peerX, peerY, z: shared }] of vectors.ecdh.cases.entries()) {
    it(`NIST ECC static unified: ${keySpec}, the public half and the shared secret (${index})`, async () => {
      const facts = factsOf(keySpec);
      if (facts.family !== 'ec') return expect.fail();
      const coordinate = (text: string) =>
        base64url(text.padStart(2 * facts.fieldBytes, '0').slice(-2 * facts.fieldBytes));
      const jwk = (x: string, y: string) => ({
        kty: 'EC',
        crv: facts.jwkCurve,
        x: coordinate(x),
        y: coordinate(y),
      });
      const spki = (key: webcrypto.JsonWebKey) =>
        createPublicKey({ key, format: 'jwk' }).export({ format: 'der', type: 'spki' });
      const { id: KeyId } = await newExternalKey(client, { KeySpec: keySpec, KeyUsage: 'KEY_AGREEMENT' });
      const parameters = await parametersFor(client, KeyId, 'RSA_AES_KEY_WRAP_SHA_1');
      await importInto(client, KeyId, pkcs8({ ...jwk(x, y), d: coordinate(d) }), {}, parameters);
      const { PublicKey } = await client.getPublicKey({ KeyId });
      expect(Buffer.from(PublicKey ?? [])).to.deep.equal(spki(jwk(x, y)));
      const { SharedSecret } = await client.deriveSharedSecret({
        KeyId,
        KeyAgreementAlgorithm: 'ECDH',
        PublicKey: spki(jwk(peerX, peerY)),
      });
      expect(Buffer.from(SharedSecret ?? []).toString('hex')).to.equal(
        shared.padStart(2 * facts.fieldBytes, '0').slice(-2 * facts.fieldBytes),
      );
    });
  }
});
