import { expect } from 'chai';
import fc from 'fast-check';
import { groupMacInput } from '../../src/audit/line.ts';
import {
  keySpecCodes,
  keyUsageCodes,
  macCodes,
  oaepCodes,
  signingCodes,
  wrappingCodes,
  wrappingKeySpecCodes,
} from '../../src/hsm/code.ts';
import { countFrames, FrameReader, FrameWriter } from '../../src/hsm/frame.ts';
import { operationCodes, readRequest, trailMacDomain } from '../../src/hsm/request.ts';
import { trailCheckpointDomain } from '../../src/keys/hsm.ts';
import { encryptionAlgorithms, macAlgorithms, signingAlgorithms } from '../../src/keys/spec/algorithm.ts';
import { type KeySpec, type KeyUsage, keySpecs, keyUsages } from '../../src/keys/spec/key-spec.ts';
import {
  type WrappingAlgorithm,
  wrappingAlgorithms,
  wrappingKeySpecs,
} from '../../src/keys/spec/wrapping.ts';

interface Frame {
  readonly code: number;
  readonly id: number;
  readonly body: string;
}

const frame = fc.record({
  code: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  body: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('hex')),
});

/** What a writer puts on a socket that takes everything at once. */
function written(frames: readonly Frame[]): Buffer {
  const writer = new FrameWriter();
  for (const { code, id, body } of frames) {
    const bytes = Buffer.from(body, 'hex');
    writer.begin(code, id, bytes.length);
    writer.bytes(bytes);
    writer.end();
  }
  let out: Buffer = Buffer.alloc(0);
  writer.flush({
    writableLength: 0,
    write: (chunk) => {
      out = Buffer.from(chunk);
      return true;
    },
  });
  return out;
}

function reader(limit: number): { reader: FrameReader; frames: Frame[] } {
  const frames: Frame[] = [];
  return {
    frames,
    reader: new FrameReader(limit, (code, id, buffer, start, end) => {
      frames.push({ code, id, body: buffer.toString('hex', start, end) });
      return true;
    }),
  };
}

describe('frames', () => {
  it('arrive as they were written, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(300)), (frames, cuts) => {
        const stream = written(frames);
        const { reader: read, frames: got } = reader(1024);
        let offset = 0;
        for (const cut of [...cuts, stream.length]) {
          const end = Math.min(stream.length, offset + cut);
          expect(read.push(Buffer.from(stream.subarray(offset, end)))).to.equal(true);
          offset = end;
        }
        expect(got).to.deep.equal(frames);
        expect(countFrames(stream, 64)).to.equal(frames.length);
      }),
    );
  });

  it('longer than the limit are refused as soon as their length is known', () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(1025);
    expect(reader(1024).reader.push(length)).to.equal(false);
    length.writeUInt32BE(6);
    expect(reader(1024).reader.push(length)).to.equal(false);
  });

  it('that are large and come in small pieces take no longer than their bytes', () => {
    const size = 32 * 1024 * 1024;
    const { reader: read, frames: got } = reader(2 * size);
    const begin = performance.now();
    const piece = Buffer.alloc(16 * 1024);
    piece.writeUInt32BE(size - 4);
    expect(read.push(piece)).to.equal(true);
    piece.writeUInt32BE(0);
    for (let sent = piece.length; sent < size; sent += piece.length) read.push(piece);
    // Joined anew with each piece, it would copy 32 GiB.
    expect(performance.now() - begin).to.be.below(1_500);
    expect(got.map(({ body }) => body.length)).to.deep.equal([2 * (size - 11)]);
  });

  it('leave nothing of what they held in the writer’s buffer', () => {
    const writer = new FrameWriter();
    writer.begin(1, 1, 8);
    writer.bytes(Buffer.from('a secret'));
    writer.end();
    let chunk: Buffer | undefined;
    writer.flush({
      writableLength: 0,
      write: (bytes) => {
        chunk = bytes;
        expect(bytes.includes('a secret')).to.equal(true);
        return true;
      },
    });
    expect(chunk?.every((byte) => byte === 0)).to.equal(true);
  });

  it('leave nothing behind either where the socket takes them later', () => {
    const writer = new FrameWriter();
    writer.begin(1, 1, 8);
    writer.bytes(Buffer.from('a secret'));
    writer.end();
    let chunk: Buffer = Buffer.alloc(0);
    let taken: () => void = () => {};
    writer.flush({
      writableLength: 1,
      write: (bytes, callback) => {
        chunk = bytes;
        taken = callback;
        return false;
      },
    });
    writer.begin(2, 2, 4);
    expect(chunk.includes('a secret')).to.equal(true);
    taken();
    expect(chunk.every((byte) => byte === 0)).to.equal(true);
  });
});

describe('requests', () => {
  const parse = (code: number, body: Buffer) => readRequest(code, body, 0, body.length);

  it('of any bytes are read or refused, and never overrun', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Object.keys(operationCodes).length + 2 }),
        fc.uint8Array({ maxLength: 400 }),
        (code, bytes) => {
          const body = Buffer.from(bytes);
          const around = Buffer.concat([Buffer.alloc(7, 0xff), body, Buffer.alloc(9, 0xff)]);
          const inside = readRequest(code, around, 7, 7 + body.length);
          expect(inside).to.deep.equal(parse(code, body));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('of an operation that isn’t there are refused', () => {
    for (const code of [0, Object.keys(operationCodes).length + 1, 255])
      expect(parse(code, Buffer.alloc(0))).to.equal(undefined);
  });

  it('with a byte too many are refused where the layout is fixed', () => {
    const sizes: [number, number][] = [
      [operationCodes.generateKey, 32],
      [operationCodes.destroyKey, 32],
      [operationCodes.health, 0],
      [operationCodes.identity, 0],
      [operationCodes.listObjects, 0],
      [operationCodes.trailPublicKey, 0],
      [operationCodes.claim, 16],
    ];
    for (const [code, size] of sizes) {
      expect(parse(code, Buffer.alloc(size)), String(code)).to.not.equal(undefined);
      expect(parse(code, Buffer.alloc(size + 1)), String(code)).to.equal(undefined);
    }
  });

  it('for a MAC of the trail key hold exactly what a group of a trail is', () => {
    const group = groupMacInput({ stream: '0011223344556677', sequence: 2 ** 40, previous: 'ab'.repeat(32) });
    expect(group.subarray(0, trailMacDomain.length).equals(trailMacDomain)).to.equal(true);
    expect(parse(operationCodes.trailMac, group)).to.deep.equal({ operation: 'trailMac', data: group });
    for (let at = 0; at < trailMacDomain.length; at++) {
      const changed = Buffer.from(group);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(parse(operationCodes.trailMac, changed), `byte ${at}`).to.equal(undefined);
    }
    expect(parse(operationCodes.trailMac, group.subarray(0, -1))).to.equal(undefined);
    expect(parse(operationCodes.trailMac, Buffer.concat([group, Buffer.alloc(1)]))).to.equal(undefined);
  });

  it('for the checkpoint key hold a checkpoint, 4,096 bytes at most', () => {
    const checkpoint = (size: number) =>
      Buffer.concat([trailCheckpointDomain, Buffer.alloc(size - trailCheckpointDomain.length, 1)]);
    const sized = (size: number) => parse(operationCodes.trailSign, checkpoint(size));
    expect(sized(4096)).to.deep.equal({ operation: 'trailSign', data: checkpoint(4096) });
    expect(sized(4097)).to.equal(undefined);
    expect(sized(trailCheckpointDomain.length), 'nothing but the prefix').to.equal(undefined);
    for (let at = 0; at < trailCheckpointDomain.length; at++) {
      const changed = checkpoint(64);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(parse(operationCodes.trailSign, changed), `byte ${at}`).to.equal(undefined);
    }
  });

  it('on keys hold exactly a material, names that there are, and data of their length', () => {
    const material = Buffer.alloc(32, 1);
    const named = (code: number, ...rest: (number | Buffer)[]) =>
      parse(
        code,
        Buffer.concat([material, ...rest.map((part) => (Buffer.isBuffer(part) ? part : Buffer.of(part)))]),
      );
    const of = <T>(list: readonly T[], name: T) => list.indexOf(name);
    const { makeKey, sign, mac, rsaDecrypt, deriveSharedSecret, generateDataKeyPair } = operationCodes;
    const p256 = of(keySpecCodes, 'ECC_NIST_P256');
    const signing = of(keyUsageCodes, 'SIGN_VERIFY');
    expect(named(makeKey, p256, signing)).to.include({ keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' });
    expect(named(makeKey, p256, of(keyUsageCodes, 'GENERATE_VERIFY_MAC')), 'no usage of it').to.equal(
      undefined,
    );
    expect(named(makeKey, of(keySpecCodes, 'SYMMETRIC_DEFAULT'), 0), 'has a request of its own').to.equal(
      undefined,
    );
    expect(named(makeKey, keySpecCodes.length, signing)).to.equal(undefined);
    expect(named(makeKey, p256, keyUsageCodes.length)).to.equal(undefined);
    expect(named(makeKey, p256, signing, 0)).to.equal(undefined);
    const ecdsa = of(signingCodes, 'ECDSA_SHA_384');
    for (const size of [0, 32, 47, 49, 64])
      expect(named(sign, ecdsa, Buffer.alloc(size))).to.equal(undefined);
    expect(named(sign, ecdsa, Buffer.alloc(48))).to.include({ algorithm: 'ECDSA_SHA_384' });
    const ed25519 = of(signingCodes, 'ED25519_SHA_512');
    for (const [size, fits] of [
      [0, false],
      [1, true],
      [4096, true],
      [4097, false],
    ] as const) {
      expect(named(sign, ed25519, Buffer.alloc(size)) !== undefined).to.equal(fits);
      expect(named(mac, 0, Buffer.alloc(size)) !== undefined).to.equal(fits);
    }
    expect(named(sign, signingCodes.length, Buffer.alloc(32))).to.equal(undefined);
    expect(named(mac, macCodes.length, Buffer.alloc(32))).to.equal(undefined);
    for (const size of [0, 255, 257, 511, 1024]) {
      expect(named(rsaDecrypt, 0, Buffer.alloc(size))).to.equal(undefined);
    }
    for (const size of [256, 384, 512]) {
      expect(named(rsaDecrypt, 1, Buffer.alloc(size))).to.include({ algorithm: 'RSAES_OAEP_SHA_256' });
    }
    const point = (size: number, first = 4) => Buffer.alloc(size, first);
    for (const size of [65, 97, 133]) expect(named(deriveSharedSecret, point(size))).to.not.equal(undefined);
    for (const wrong of [point(64), point(66), point(33, 2), point(65, 2), Buffer.alloc(0)]) {
      expect(named(deriveSharedSecret, wrong)).to.equal(undefined);
    }
    expect(named(generateDataKeyPair, p256)).to.include({ pairSpec: 'ECC_NIST_P256' });
    expect(named(generateDataKeyPair, of(keySpecCodes, 'HMAC_256'))).to.equal(undefined);
    expect(named(generateDataKeyPair, of(keySpecCodes, 'ML_DSA_44'))).to.equal(undefined);
  });

  it('of imports hold exactly ids, names that go together, and wrapped material', () => {
    const { createWrappingKey, destroyWrappingKey, importKey } = operationCodes;
    const id = Buffer.alloc(16, 2);
    const rsa = 0;
    const wrapping = (spec: KeySpec, usage: KeyUsage, by: WrappingAlgorithm, size = rsa) =>
      Buffer.concat([
        id,
        Buffer.of(size, wrappingCodes.indexOf(by), keySpecCodes.indexOf(spec), keyUsageCodes.indexOf(usage)),
      ]);
    const fine = wrapping('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'RSAES_OAEP_SHA_256');
    expect(parse(createWrappingKey, fine)).to.include({
      wrappingKeySpec: 'RSA_2048',
      keySpec: 'SYMMETRIC_DEFAULT',
    });
    for (const wrong of [
      wrapping('SYMMETRIC_DEFAULT', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_256'),
      wrapping('RSA_2048', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_256'),
      wrapping('ECC_NIST_P521', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_256'),
      wrapping('ML_DSA_44', 'SIGN_VERIFY', 'RSA_AES_KEY_WRAP_SHA_256'),
      wrapping('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'RSAES_OAEP_SHA_256', wrappingKeySpecCodes.length),
      Buffer.concat([fine, Buffer.alloc(1)]),
      fine.subarray(0, -1),
    ]) {
      expect(parse(createWrappingKey, wrong)).to.equal(undefined);
    }
    expect(parse(destroyWrappingKey, id)).to.include({ operation: 'destroyWrappingKey' });
    expect(parse(destroyWrappingKey, Buffer.alloc(15))).to.equal(undefined);
    expect(parse(destroyWrappingKey, Buffer.alloc(17))).to.equal(undefined);
    const order = (expected: number, wrapped: number, said = expected) =>
      Buffer.concat([
        Buffer.alloc(32, 1),
        id,
        Buffer.of(1, keySpecCodes.indexOf('HMAC_256'), keyUsageCodes.indexOf('GENERATE_VERIFY_MAC'), said),
        Buffer.alloc(expected, 3),
        Buffer.alloc(wrapped, 4),
      ]);
    for (const expected of [0, 32]) {
      const request = parse(importKey, order(expected, 256));
      expect(request).to.deep.include({
        wrappingId: id,
        algorithm: 'RSAES_OAEP_SHA_256',
        expected: Buffer.alloc(expected, 3),
        wrapped: Buffer.alloc(256, 4),
      });
    }
    for (const wrong of [order(0, 0), order(32, 0), order(16, 256), order(0, 256, 33), order(0, 6145)]) {
      expect(parse(importKey, wrong)).to.equal(undefined);
    }
    expect(parse(importKey, order(0, 6144))).to.not.equal(undefined);
  });

  it('name every spec and algorithm that there is, each once', () => {
    const rows: [readonly string[], object][] = [
      [keySpecCodes, keySpecs],
      [signingCodes, signingAlgorithms],
      [macCodes, macAlgorithms],
      [wrappingCodes, wrappingAlgorithms],
      [wrappingKeySpecCodes, wrappingKeySpecs],
    ];
    for (const [codes, table] of rows) expect(codes).to.have.members(Object.keys(table));
    expect(['SYMMETRIC_DEFAULT', ...oaepCodes]).to.have.members(Object.keys(encryptionAlgorithms));
    expect(keyUsageCodes).to.have.members(keyUsages);
  });

  it('have room for no IV to encrypt under', () => {
    const body = Buffer.concat([
      Buffer.alloc(32, 1),
      Buffer.from([0, 0, 0, 2]),
      Buffer.from('cx'),
      Buffer.from('p'),
    ]);
    const request = parse(operationCodes.encrypt, body);
    expect(Object.keys(request ?? {})).to.have.members(['operation', 'material', 'context', 'plaintext']);
  });

  it('take no more than AWS’s sizes', () => {
    const encrypt = (size: number) => parse(operationCodes.encrypt, Buffer.alloc(36 + size));
    expect(encrypt(0)).to.equal(undefined);
    expect(encrypt(4096)).to.not.equal(undefined);
    expect(encrypt(4097)).to.equal(undefined);
    const random = (size: number) => parse(operationCodes.random, Buffer.from([size >> 8, size & 255]));
    expect(random(0)).to.equal(undefined);
    expect(random(1024)).to.not.equal(undefined);
    expect(random(1025)).to.equal(undefined);
  });
});
