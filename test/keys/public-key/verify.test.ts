import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  privateEncrypt,
  sign,
  webcrypto,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeEcdsa } from '../../../src/der.ts';
import { verifySignature } from '../../../src/keys/public-key/verify.ts';
import {
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../../src/keys/spec/algorithm.ts';
import { factsOf, type KeySpec, keySpecs } from '../../../src/keys/spec/key-spec.ts';

const vectors: {
  ecdsa: { keySpec: KeySpec; message: string; x: string; y: string; r: string; s: string; valid: boolean }[];
  pkcs1: {
    hash: 'sha256' | 'sha384' | 'sha512';
    message: string;
    n: string;
    e: string;
    signature: string;
    valid: boolean;
    note: string;
  }[];
} = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/signatures.json'), 'utf8'));

const hex = (text: string) => Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex');
const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

/** What both ways say of a signature: the message hashed by Node, and its digest looked at by us. They must agree. */
function verdict(spki: Buffer, algorithm: SigningAlgorithm, message: Buffer, signature: Buffer): boolean {
  const { hash: name = 'sha256' }: SigningFacts = signingAlgorithms[algorithm];
  const raw = verifySignature(spki, algorithm, 'RAW', message, signature);
  const digest = verifySignature(spki, algorithm, 'DIGEST', hash(name, message, 'buffer'), signature);
  expect(digest, `${algorithm} ${signature.toString('hex')}`).to.equal(raw);
  return digest;
}

const ecSpecs = ['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521', 'ECC_SECG_P256K1'] as const;
const noble = {
  ECC_NIST_P256: p256,
  ECC_NIST_P384: p384,
  ECC_NIST_P521: p521,
  ECC_SECG_P256K1: secp256k1,
} as const;

function algorithmOf(keySpec: KeySpec): SigningAlgorithm {
  const [algorithm] = factsOf(keySpec).usages.SIGN_VERIFY ?? [];
  if (algorithm === undefined) throw new Error(`${keySpec} signs nothing`);
  return algorithm;
}

function pointSpki(keySpec: KeySpec, x: Buffer, y: Buffer): Buffer {
  const facts = factsOf(keySpec);
  if (facts.family !== 'ec') throw new Error(`${keySpec} has no points`);
  const coordinate = (value: Buffer) =>
    Buffer.concat([Buffer.alloc(Math.max(0, facts.fieldBytes - value.length)), value]).subarray(
      -facts.fieldBytes,
    );
  const jwk = {
    kty: 'EC',
    crv: facts.jwkCurve,
    x: coordinate(x).toString('base64url'),
    y: coordinate(y).toString('base64url'),
  };
  return spkiOf(createPublicKey({ key: jwk, format: 'jwk' }));
}

describe('verifying with a public key', () => {
  describe('ECDSA', () => {
    it('says of NIST’s signatures what NIST says, of message and digest', () => {
      for (const { keySpec, message, x, y, r, s, valid } of vectors.ecdsa) {
        const facts = factsOf(keySpec);
        const size = facts.family === 'ec' ? facts.fieldBytes : 0;
        const raw = [r, s].map((part) => hex(part.padStart(2 * size, '0')).subarray(-size));
        const spki = pointSpki(keySpec, hex(x), hex(y));
        expect(verdict(spki, algorithmOf(keySpec), hex(message), encodeEcdsa(Buffer.concat(raw)))).to.equal(
          valid,
        );
      }
    });

    for (const keySpec of ecSpecs) {
      const algorithm = algorithmOf(keySpec);
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: keySpecs[keySpec].curve });
      const spki = spkiOf(publicKey);
      const { hash: name = 'sha256' }: SigningFacts = signingAlgorithms[algorithm];

      it(`${keySpec}: takes what Node signs, and nothing else`, () => {
        fc.assert(
          fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, place) => {
            const message = Buffer.from(bytes);
            const signature = sign(name, message, privateKey);
            expect(verdict(spki, algorithm, message, signature)).to.equal(true);
            const bent = Buffer.from(signature);
            const at = place % bent.length;
            bent[at] = (bent[at] ?? 0) ^ (1 << (place % 8));
            expect(verdict(spki, algorithm, message, bent)).to.equal(false);
            expect(verdict(spki, algorithm, Buffer.concat([message, message]), signature)).to.equal(false);
          }),
          { numRuns: keySpec === 'ECC_NIST_P521' ? 10 : 25 },
        );
      });

      it(`${keySpec}: takes one encoding of a signature, and numbers of the group alone`, () => {
        const message = Buffer.from('message');
        const signature = sign(name, message, privateKey);
        const order = noble[keySpec].Point.Fn.ORDER;
        const size = keySpecs[keySpec].fieldBytes;
        const raw = sign(name, message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
        const of = (r: bigint, s: bigint) =>
          encodeEcdsa(
            Buffer.concat([r, s].map((value) => hex(value.toString(16).padStart(2 * size + 2, '0')))),
          );
        const r = BigInt(`0x${raw.toString('hex', 0, size)}`);
        const s = BigInt(`0x${raw.toString('hex', size)}`);
        expect(verdict(spki, algorithm, message, of(r, s))).to.equal(true);
        // The other signature that every signature of ECDSA has.
        expect(verdict(spki, algorithm, message, of(r, order - s))).to.equal(true);
        const long = signature[1] === 0x81;
        const wrong = [
          Buffer.alloc(0),
          Buffer.from([0x30, 0]),
          Buffer.concat([signature, Buffer.of(0)]),
          signature.subarray(0, -1),
          // The length in more bytes than it needs.
          Buffer.concat([
            Buffer.from(long ? [0x30, 0x82, 0] : [0x30, 0x81]),
            signature.subarray(long ? 2 : 1),
          ]),
          raw,
          of(0n, s),
          of(r, 0n),
          of(order, s),
          of(r + order, s),
          of(r, s + order),
        ];
        for (const one of wrong)
          expect(verdict(spki, algorithm, message, one), one.toString('hex')).to.equal(false);
      });

      it(`${keySpec}: is right where points coincide, cancel, or are not added at all`, () => {
        const { Point } = noble[keySpec];
        const { Fn } = Point;
        const size = keySpecs[keySpec].fieldBytes;
        const { digestBytes = 0 }: SigningFacts = signingAlgorithms[algorithm];
        const bytes = (value: bigint, length: number) => hex(value.toString(16).padStart(2 * length, '0'));
        const nonce = 0xfeed_beefn;
        const r = Fn.create(Point.BASE.multiply(nonce).toAffine().x);
        /** Whether a digest z has the signature that the key d makes of it with the nonce. */
        const check = (d: bigint, z: bigint, s = Fn.mul(Fn.inv(nonce), Fn.add(z, Fn.mul(r, d)))) => {
          const q = Point.BASE.multiply(d).toAffine();
          return verifySignature(
            pointSpki(keySpec, bytes(q.x, size), bytes(q.y, size)),
            algorithm,
            'DIGEST',
            bytes(z, digestBytes),
            encodeEcdsa(Buffer.concat([bytes(r, size), bytes(s, size)])),
          );
        };
        const z = 0x1234_5678_9abc_def0n;
        const d = Fn.mul(z, Fn.inv(r));
        expect(check(d, z), 'Q and (z/r)·G are one point').to.equal(true);
        expect(check(d, z + 1n), 'they are not').to.equal(true);
        expect(check(Fn.neg(d), z, 1n), 'their sum is the point at infinity').to.equal(false);
        expect(check(d, 0n), '(z/r)·G is the point at infinity').to.equal(true);
      });
    }
  });

  describe('RSA', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = spkiOf(publicKey);
    const message = Buffer.from('message');

    it('says of NIST’s PKCS #1 v1.5 signatures what NIST says, of message and digest', () => {
      for (const { hash: name, message: text, n, e, signature, valid, note } of vectors.pkcs1) {
        const jwk = { kty: 'RSA', n: hex(n).toString('base64url'), e: hex(e).toString('base64url') };
        const key = spkiOf(createPublicKey({ key: jwk, format: 'jwk' }));
        const algorithm = `RSASSA_PKCS1_V1_5_SHA_${name.slice(3)}` as SigningAlgorithm;
        expect(verdict(key, algorithm, hex(text), hex(signature)), note).to.equal(valid);
      }
    });

    for (const algorithm of keySpecs.RSA_2048.usages.SIGN_VERIFY) {
      const { hash: name = 'sha256', scheme, saltBytes = 0 }: SigningFacts = signingAlgorithms[algorithm];
      const padding = scheme === 'RSASSA-PSS' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
      const make = (saltLength: number, digest = name) =>
        sign(digest, message, { key: privateKey, padding, saltLength });

      it(`${algorithm} takes what Node signs, and nothing else`, () => {
        const good = make(saltBytes);
        expect(verdict(spki, algorithm, message, good)).to.equal(true);
        expect(verdict(spki, algorithm, Buffer.from('massage'), good)).to.equal(false);
        for (let at = 0; at < good.length; at += 17) {
          const bent = Buffer.from(good);
          bent[at] = (bent[at] ?? 0) ^ 0x10;
          expect(verdict(spki, algorithm, message, bent)).to.equal(false);
        }
        const others = [make(saltBytes, name === 'sha256' ? 'sha384' : 'sha256')];
        if (scheme === 'RSASSA-PSS') others.push(make(0), make(saltBytes - 1), make(saltBytes + 1));
        others.push(Buffer.alloc(0), Buffer.alloc(256), Buffer.alloc(256, 0xff), good.subarray(1));
        others.push(Buffer.concat([Buffer.alloc(1), good]));
        for (const other of others) expect(verdict(spki, algorithm, message, other)).to.equal(false);
      });
    }

    it('takes no PSS whose padding is not all zeros and then a one', () => {
      const digest = hash('sha256', message, 'buffer');
      const salt = Buffer.alloc(32, 7);
      const proof = hash('sha256', Buffer.concat([Buffer.alloc(8), digest, salt]), 'buffer');
      /** Signs an encoded message that is right but for what is changed in its data block. */
      const forged = (change: (block: Buffer) => void) => {
        const block = Buffer.concat([Buffer.alloc(190), Buffer.of(1), salt]);
        change(block);
        for (let at = 0; at < block.length; at += 1) {
          const counter = Buffer.alloc(4);
          counter.writeUInt32BE(Math.floor(at / 32));
          const mask = hash('sha256', Buffer.concat([proof, counter]), 'buffer');
          block[at] = (block[at] ?? 0) ^ (mask[at % 32] ?? 0);
        }
        block[0] = (block[0] ?? 0) & 0x7f;
        const encoded = Buffer.concat([block, proof, Buffer.of(0xbc)]);
        return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);
      };
      const check = (change: (block: Buffer) => void) =>
        verdict(spki, 'RSASSA_PSS_SHA_256', message, forged(change));
      expect(check(() => {})).to.equal(true);
      expect(check((block) => block.set([2], 190))).to.equal(false);
      expect(check((block) => block.set([1], 100))).to.equal(false);
      expect(check((block) => block.set([1], 189))).to.equal(false);
      expect(check((block) => block.set([8], 191))).to.equal(false);
    });

    it('takes what WebCrypto signs with PSS', async () => {
      const { subtle } = webcrypto;
      for (const [name, saltLength] of [
        ['SHA-256', 32],
        ['SHA-384', 48],
        ['SHA-512', 64],
      ] as const) {
        const parameters = { name: 'RSA-PSS', hash: name };
        const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
        const key = await subtle.importKey('pkcs8', new Uint8Array(pkcs8), parameters, false, ['sign']);
        const signature = await subtle.sign({ name: 'RSA-PSS', saltLength }, key, new Uint8Array(message));
        const algorithm = `RSASSA_PSS_${name.replace('-', '_')}` as SigningAlgorithm;
        expect(verdict(spki, algorithm, message, Buffer.from(signature)), name).to.equal(true);
      }
    });
  });

  it('Ed25519 takes what Node signs, of messages alone', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const message = Buffer.from('message');
    const signature = sign(null, message, privateKey);
    const check = (text: Buffer) =>
      verifySignature(spkiOf(publicKey), 'ED25519_SHA_512', 'RAW', text, signature);
    expect(check(message)).to.equal(true);
    expect(check(Buffer.from('massage'))).to.equal(false);
    expect(verifySignature(spkiOf(publicKey), 'ED25519_SHA_512', 'DIGEST', message, signature)).to.equal(
      false,
    );
  });

  it('ML-DSA takes what Node signs, of messages alone', () => {
    for (const name of ['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const) {
      const { publicKey, privateKey } = generateKeyPairSync(name);
      const message = Buffer.from('message');
      const signature = sign(null, message, privateKey);
      const check = (type: 'RAW' | 'DIGEST', text: Buffer) =>
        verifySignature(spkiOf(publicKey), 'ML_DSA_SHAKE_256', type, text, signature);
      expect(check('RAW', message)).to.equal(true);
      expect(check('RAW', Buffer.from('massage'))).to.equal(false);
      expect(check('DIGEST', message)).to.equal(false);
    }
  });
});
