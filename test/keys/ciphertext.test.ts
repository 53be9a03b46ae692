import { readFileSync } from 'node:fs';
import { Crypto } from '@peculiar/webcrypto';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  headerBytes,
  isCiphertext,
  overheadBytes,
  parseCiphertext,
  readUuid,
  writeHeader,
  writeMaterial,
} from '../../src/keys/ciphertext.ts';
import { canonicalContext } from '../../src/keys/context.ts';

interface Vector {
  readonly name: string;
  readonly key: string;
  readonly keyId: string;
  readonly materialId: string;
  readonly iv: string;
  readonly encryptionContext: readonly [string, string][];
  readonly canonicalContext: string;
  readonly plaintext: string;
  readonly blob: string;
}

const file: { vectors: Vector[] } = JSON.parse(
  readFileSync(new URL('../vectors/ciphertext.json', import.meta.url), 'utf8'),
);
const { subtle } = new Crypto();
const hex = (text: string) => Buffer.from(text, 'hex');
const uuid = fc.uuid();
const materialId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((id) => Buffer.from(id).toString('hex'));

/** Opens a blob as its format says, with none of Coffer's code but the parser. */
async function open(vector: Vector, context: Buffer): Promise<Buffer> {
  const blob = hex(vector.blob);
  const parsed = parseCiphertext(blob);
  if (parsed === undefined) throw new Error('not a blob');
  const key = await subtle.importKey('raw', hex(vector.key), 'AES-GCM', false, ['decrypt']);
  const additionalData = Buffer.concat([blob.subarray(0, 46), context]);
  const sealed = Buffer.concat([parsed.ciphertext, parsed.tag]);
  return Buffer.from(
    await subtle.decrypt({ name: 'AES-GCM', iv: Buffer.from(parsed.iv), additionalData }, key, sealed),
  );
}

describe('the ciphertext blob', () => {
  for (const vector of file.vectors) {
    it(`of version 1 is read: ${vector.name}`, async () => {
      const context = canonicalContext(Object.fromEntries(vector.encryptionContext));
      expect(context.toString('hex')).to.equal(vector.canonicalContext);
      expect(parseCiphertext(hex(vector.blob))).to.include({
        keyId: vector.keyId,
        materialId: vector.materialId,
      });
      expect((await open(vector, context)).toString('hex')).to.equal(vector.plaintext);
    });
  }

  it('has the header that the vectors have', () => {
    for (const vector of file.vectors) {
      const material = Buffer.alloc(32);
      writeMaterial(material, 0, vector.keyId, vector.materialId);
      const header = Buffer.alloc(headerBytes);
      writeHeader(header, material, hex(vector.iv), 0);
      expect(header.toString('hex')).to.equal(vector.blob.slice(0, 2 * headerBytes));
    }
  });

  it('gives back the ids that were written', () => {
    fc.assert(
      fc.property(
        uuid,
        materialId,
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        (keyId, materialId, sealed) => {
          const material = Buffer.alloc(32);
          writeMaterial(material, 0, keyId, materialId);
          expect(readUuid(material, 0)).to.equal(keyId);
          const blob = Buffer.concat([Buffer.alloc(headerBytes), sealed, Buffer.alloc(16)]);
          writeHeader(blob, material, Buffer.alloc(12, 7), 0);
          const parsed = parseCiphertext(blob);
          expect(parsed).to.include({ keyId, materialId });
          expect(parsed?.ciphertext.equals(sealed)).to.equal(true);
          expect(parsed?.iv.equals(Buffer.alloc(12, 7))).to.equal(true);
        },
      ),
    );
  });

  it('is nothing shorter, and nothing of another version or IV length', () => {
    const blob = hex(file.vectors[0]?.blob ?? '');
    for (let length = 0; length <= overheadBytes; length++) {
      expect(isCiphertext(blob.subarray(0, length)), String(length)).to.equal(false);
    }
    for (const at of [0, 33]) {
      for (let value = 0; value < 256; value++) {
        const other = Buffer.from(blob);
        if (other[at] === value) continue;
        other[at] = value;
        expect(parseCiphertext(other)).to.equal(undefined);
      }
    }
  });

  it('takes no malformed id into a header', () => {
    const keyId = 'b7a1e1c2-0d0e-4f10-8a21-0123456789ab';
    const material = '00112233445566778899aabbccddeeff';
    const wrong: [string, string][] = [
      [keyId.toUpperCase(), material],
      [keyId.replaceAll('-', ''), material],
      [keyId.replace('b7', 'g7'), material],
      [`${keyId}0`, material],
      [keyId, material.slice(1)],
      [keyId, `${material.slice(1)}é`],
      [keyId, material.replace('ff', 'FF')],
      ['', ''],
    ];
    for (const [id, materialId] of wrong) {
      expect(() => writeMaterial(Buffer.alloc(32), 0, id, materialId), id).to.throw(RangeError);
    }
  });
});
