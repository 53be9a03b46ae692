import { createPrivateKey, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import type { Hsm, MaterialRef } from '../../../src/keys/hsm.ts';
import { signingAlgorithms } from '../../../src/keys/spec/algorithm.ts';
import { factsOf, type KeySpec, type KeyUsage, keySpecs } from '../../../src/keys/spec/key-spec.ts';
import { newMaterial, outcomeOf } from '../../fault/load.ts';
import { startTier, type Tier, tokens } from './tier.ts';
import { wrap } from './wrap.ts';

const vectors = join(import.meta.dirname, '../../vectors');
const hex = z.string().transform((text) => Buffer.from(text, 'hex'));
const result = z.enum(['valid', 'invalid', 'acceptable']);
const named = { tcId: z.number(), comment: z.string(), result };

function read<T extends z.ZodType>(file: string, schema: T): z.infer<T> {
  return schema.parse(JSON.parse(readFileSync(join(vectors, file), 'utf8')));
}

const hmac = read(
  'wycheproof/hmac.json',
  z.array(
    z.object({
      source: z.string(),
      keySpec: z.enum(['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512']),
      tests: z.array(z.object({ ...named, key: hex, msg: hex, tag: hex })),
    }),
  ),
);
const rsaSpec = z.enum(['RSA_2048', 'RSA_3072', 'RSA_4096']);
const oaep = read(
  'wycheproof/rsa-oaep.json',
  z.array(
    z.object({
      source: z.string(),
      keySpec: rsaSpec,
      algorithm: z.enum(['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256']),
      privateKeyPkcs8: hex,
      tests: z.array(z.object({ ...named, msg: hex, ct: hex, label: hex })),
    }),
  ),
);
const pkcs1 = read(
  'wycheproof/rsa-pkcs1.json',
  z.array(
    z.object({
      source: z.string(),
      keySpec: rsaSpec,
      algorithm: z.enum([
        'RSASSA_PKCS1_V1_5_SHA_256',
        'RSASSA_PKCS1_V1_5_SHA_384',
        'RSASSA_PKCS1_V1_5_SHA_512',
      ]),
      privateKeyPkcs8: hex,
      tests: z.array(z.object({ ...named, msg: hex, sig: hex })),
    }),
  ),
);
const ecdh = read(
  'wycheproof/ecdh.json',
  z.array(
    z.object({
      source: z.string(),
      keySpec: z.enum(['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521']),
      tests: z.array(z.object({ ...named, public: hex, private: hex, shared: hex })),
    }),
  ),
);
const ed25519 = read(
  'rfc8032.json',
  z.object({
    tests: z.array(z.object({ secret: hex, public: hex, message: hex, signature: hex })),
  }),
);

/** An EC private key in PKCS#8 (RFC 5208, RFC 5915), without its public half, as a file may have it. */
function ecPkcs8(keySpec: KeySpec, secret: Buffer): Buffer {
  const facts = factsOf(keySpec);
  if (facts.family !== 'ec') throw new Error('no curve');
  const curves: Readonly<Record<string, string>> = {
    prime256v1: '06082a8648ce3d030107',
    secp384r1: '06052b81040022',
    secp521r1: '06052b81040023',
  };
  const digits = secret.subarray(Math.max(0, secret.length - facts.fieldBytes));
  const scalar = Buffer.concat([Buffer.alloc(facts.fieldBytes - digits.length), digits]);
  const algorithm = der(0x30, Buffer.from(`06072a8648ce3d0201${curves[facts.curve]}`, 'hex'));
  const key = der(0x30, Buffer.concat([Buffer.from('020101', 'hex'), der(0x04, scalar)]));
  return der(0x30, Buffer.concat([Buffer.from('020100', 'hex'), algorithm, der(0x04, key)]));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x81, length];
  return Buffer.concat([Buffer.from(header), content]);
}

for (const name of ['SoftHSM 2', 'NSS softokn'] as const) {
  describe(`published vectors over ${name}`, function () {
    this.timeout(60_000);
    let tier: Tier;
    let hsm: Hsm;

    before(async () => {
      tier = await startTier(tokens[name], { hostUnwrap: true });
      hsm = tier.connect();
      await hsm.claim('00112233445566778899aabbccddeeff');
    });
    after(() => tier.close());

    const wrappingKeys = new Map<string, Promise<{ wrappingId: string; publicKey: Buffer }>>();

    /** Inside the token where it can be. */
    async function imported(keySpec: KeySpec, keyUsage: KeyUsage, bytes: Buffer): Promise<MaterialRef> {
      const secret = factsOf(keySpec).family === 'hmac';
      const by = secret ? 'RSAES_OAEP_SHA_1' : 'RSA_AES_KEY_WRAP_SHA_1';
      const wrapping = `${by} ${factsOf(keySpec).family}`;
      const making = async () => {
        const { materialId: wrappingId } = newMaterial();
        const { publicKey } = await hsm.createWrappingKey(wrappingId, 'RSA_2048', by, keySpec, keyUsage);
        return { wrappingId, publicKey };
      };
      const made = wrappingKeys.get(wrapping) ?? making();
      wrappingKeys.set(wrapping, made);
      const { wrappingId, publicKey } = await made;
      const material = newMaterial();
      await hsm.importKey({
        material,
        keySpec,
        keyUsage,
        wrappingId,
        wrappingAlgorithm: by,
        wrapped: wrap(publicKey, by, bytes),
      });
      return material;
    }

    for (const { keySpec, source, tests } of hmac) {
      it(`HMAC: ${keySpec} of ${source}`, async () => {
        const [algorithm] = keySpecs[keySpec].usages.GENERATE_VERIFY_MAC;
        for (const test of tests) {
          const material = await imported(keySpec, 'GENERATE_VERIFY_MAC', test.key);
          const mac = await hsm.mac(material, algorithm, test.msg);
          expect(mac.equals(test.tag), String(test.tcId)).to.equal(test.result === 'valid');
        }
      });
    }

    for (const { keySpec, algorithm, source, privateKeyPkcs8, tests } of oaep) {
      it(`${algorithm}: ${source}`, async () => {
        const material = await imported(keySpec, 'ENCRYPT_DECRYPT', privateKeyPkcs8);
        for (const { tcId, comment, ct, msg, label, result } of tests) {
          const decrypting = hsm.rsaDecrypt(material, algorithm, ct);
          // AWS KMS takes no label.
          if (result === 'valid' && label.length === 0) {
            expect((await decrypting).equals(msg), `${tcId}`).to.equal(true);
          } else {
            expect(await outcomeOf(decrypting), `${tcId} ${comment}`).to.equal('invalid-ciphertext');
          }
        }
      });
    }

    for (const { keySpec, algorithm, source, privateKeyPkcs8, tests } of pkcs1) {
      it(`${keySpec} ${algorithm}: ${source}`, async () => {
        const importing = imported(keySpec, 'SIGN_VERIFY', privateKeyPkcs8);
        const { asymmetricKeyDetails } = createPrivateKey({
          key: privateKeyPkcs8,
          format: 'der',
          type: 'pkcs8',
        });
        if (asymmetricKeyDetails?.publicExponent !== 65_537n) {
          expect(await outcomeOf(importing)).to.equal('invalid-ciphertext');
          return;
        }
        const material = await importing;
        for (const { tcId, msg, sig } of tests) {
          const digest = hash(signingAlgorithms[algorithm].hash, msg, 'buffer');
          expect((await hsm.sign(material, algorithm, digest)).equals(sig), `${tcId}`).to.equal(true);
        }
      });
    }

    for (const { keySpec, source, tests } of ecdh) {
      it(`${keySpec}: ${source}`, async () => {
        const keys = new Map<string, MaterialRef>();
        for (const test of tests) {
          const secret = test.private.toString('hex');
          const material =
            keys.get(secret) ?? (await imported(keySpec, 'KEY_AGREEMENT', ecPkcs8(keySpec, test.private)));
          keys.set(secret, material);
          const deriving = hsm.deriveSharedSecret(material, test.public);
          const outcome = await outcomeOf(deriving);
          const label = `${test.tcId} ${test.comment}`;
          if (test.result === 'valid') expect(outcome, label).to.equal('ok');
          if (test.result === 'invalid') expect(outcome, label).to.not.equal('ok');
          if (outcome === 'ok') expect((await deriving).equals(test.shared), label).to.equal(true);
        }
      });
    }

    // NSS has no Ed25519.
    if (name === 'NSS softokn') return;
    it('Ed25519: RFC 8032 §7.1', async () => {
      for (const { secret, public: point, message, signature } of ed25519.tests) {
        const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]);
        const material = await imported('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY', pkcs8);
        expect((await hsm.publicKey(material)).subarray(-32).equals(point)).to.equal(true);
        expect((await hsm.sign(material, 'ED25519_SHA_512', message)).equals(signature)).to.equal(true);
      }
    });
  });
}
