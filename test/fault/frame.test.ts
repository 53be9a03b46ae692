import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { requestLimit } from '../../src/hsm/frame.ts';
import { operationCodes } from '../../src/hsm/request.ts';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import { newMaterial, outcomeOf, roundTrip, trailGroup } from './load.ts';
import type { Tier } from './tier.ts';
import { frame, startTarget, Wire } from './wire.ts';

const runs = 60;

describe('a socket of a host, once attached,', () => {
  let tier: Tier;
  let hsm: Hsm;
  let host: number;
  let path: string;
  let secret: Buffer;
  const material: MaterialRef = newMaterial();

  before(async () => {
    ({ tier, hsm, host, path, secret } = await startTarget(material));
  });
  afterEach(async () => {
    expect(await roundTrip(hsm, material)).to.equal('ok');
    expect(tier.hostPid()).to.equal(host);
  });
  after(() => tier.close());

  async function attached(): Promise<Wire> {
    const wire = new Wire(path);
    await wire.attach(secret);
    return wire;
  }

  const empty = Buffer.alloc(0);
  const material32 = Buffer.alloc(32, 1);
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const u16 = (value: number) => u32(value).subarray(2);
  const malformed: Record<string, Buffer> = {
    'whose length is too small for a frame': Buffer.concat([u32(6), Buffer.alloc(6)]),
    'whose length is 0': u32(0),
    'that announces more than the limit': u32(requestLimit + 1),
    'that announces 4 GiB': u32(0xffff_ffff),
    'of an operation that is none': frame(0, 1, empty),
    'of operation 255': frame(255, 1, empty),
    'without a body where one belongs': frame(operationCodes.encrypt, 1, empty),
    'with a body where none belongs': frame(operationCodes.health, 1, Buffer.from('x')),
    'to encrypt nothing': frame(operationCodes.encrypt, 1, Buffer.concat([material32, u32(0)])),
    'to encrypt more than 4,096 bytes': frame(
      operationCodes.encrypt,
      1,
      Buffer.concat([material32, u32(0), Buffer.alloc(4_097)]),
    ),
    'whose context is longer than the frame': frame(
      operationCodes.encrypt,
      1,
      Buffer.concat([material32, u32(100), Buffer.alloc(50)]),
    ),
    'whose context has 4 GiB': frame(
      operationCodes.encrypt,
      1,
      Buffer.concat([material32, u32(0xffff_ffff), Buffer.alloc(50)]),
    ),
    'for a data key of 0 bytes': frame(
      operationCodes.generateDataKey,
      1,
      Buffer.concat([material32, u16(0)]),
    ),
    'for a data key of 1,025 bytes': frame(
      operationCodes.generateDataKey,
      1,
      Buffer.concat([material32, u16(1_025)]),
    ),
    'for a MAC over anything': frame(operationCodes.trailMac, 1, Buffer.alloc(70, 'x')),
    'for a MAC over a group and more': frame(
      operationCodes.trailMac,
      1,
      Buffer.concat([trailGroup(), Buffer.alloc(1)]),
    ),
    'for 1,025 random bytes': frame(operationCodes.random, 1, u16(1_025)),
    'for 0 random bytes': frame(operationCodes.random, 1, u16(0)),
    'with a blob of another version': frame(
      operationCodes.decrypt,
      1,
      Buffer.concat([u32(0), Buffer.of(2), material32, Buffer.of(12), Buffer.alloc(12 + 17)]),
    ),
    'with a blob whose IV is long': frame(
      operationCodes.decrypt,
      1,
      Buffer.concat([u32(0), Buffer.of(1), material32, Buffer.of(16), Buffer.alloc(16 + 17)]),
    ),
    'with a blob that has no ciphertext': frame(
      operationCodes.decrypt,
      1,
      Buffer.concat([u32(0), Buffer.of(1), material32, Buffer.of(12), Buffer.alloc(12 + 16)]),
    ),
  };
  for (const [name, bytes] of Object.entries(malformed)) {
    it(`closes on a frame ${name}, without an answer`, async () => {
      const wire = await attached();
      wire.socket.write(bytes);
      await wire.closed;
      expect(wire.received).to.have.length(0);
    });
  }

  it('outlives any frame: it answers it in the shape of an answer or closes', async () => {
    const random = fc.record({
      code: fc.oneof(fc.constantFrom(...Object.values(operationCodes)), fc.nat(255)),
      id: fc.nat(0xffff_ffff),
      body: fc.uint8Array({ maxLength: 200 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(random, { minLength: 1, maxLength: 5 }), async (frames) => {
        const wire = await attached();
        wire.socket.write(
          Buffer.concat(frames.map(({ code, id, body }) => frame(code, id, Buffer.from(body)))),
        );
        for (const { id } of frames) {
          const prefix = await wire.take(4);
          if (prefix.length < 4) break;
          const answer = await wire.take(prefix.readUInt32BE());
          expect(answer.readUIntBE(1, 6)).to.equal(id);
        }
        wire.socket.destroy();
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('outlives any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 4, maxLength: 4_000 }), async (bytes) => {
        const wire = await attached();
        wire.socket.end(bytes);
        await wire.closed;
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('takes a frame byte by byte, and other clients don’t wait for it', async () => {
    const wire = await attached();
    wire.socket.setNoDelay(true);
    for (const byte of frame(operationCodes.random, 7, u16(8))) {
      wire.socket.write(Buffer.of(byte));
      expect(await outcomeOf(hsm.random(8))).to.equal('ok');
    }
    const answer = await wire.take(4 + 7 + 8);
    expect(answer.readUInt32BE()).to.equal(7 + 8);
    expect(answer[4]).to.equal(0);
    expect(answer.readUIntBE(5, 6)).to.equal(7);
    wire.socket.destroy();
  });

  it('stops reading from a client that never reads, and serves the others', async () => {
    const resident = () =>
      Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${host}/status`, 'utf8'))?.[1]);
    const before = resident();
    const wire = await attached();
    wire.socket.pause();
    const request = frame(operationCodes.random, 7, u16(1_024));
    const many = Buffer.concat(Array.from({ length: 60_000 }, () => request));
    wire.socket.write(many);
    for (let i = 0; i < 50; i++) expect(await roundTrip(hsm, material)).to.equal('ok');
    expect(resident() - before).to.be.below(50_000);
    wire.socket.destroy();
  });

  it('gives each of many requests in one write its own answer, also where some fail', async () => {
    const context = Buffer.from('context');
    const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
    const tampered = Buffer.from(blob);
    tampered[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
    const requests = Array.from({ length: 200 }, (_, index) => {
      switch (index % 5) {
        case 0:
          return hsm.reEncrypt(tampered, context, material, context);
        case 1:
          return hsm.destroyKey(newMaterial()).then((existed) => expect(existed).to.equal(false));
        case 2:
          return hsm.generateKey(material);
        default:
          return hsm
            .decrypt(blob, context)
            .then((plaintext) => expect(String(plaintext)).to.equal('plaintext'));
      }
    });
    const outcomes = await Promise.all(requests.map(outcomeOf));
    const expected = ['invalid-ciphertext', 'ok', 'internal', 'ok', 'ok'];
    expect(outcomes).to.deep.equal(outcomes.map((_, index) => expected[index % 5]));
  });

  it('is closed to nobody by 300 connections that came and went', async () => {
    const wires = Array.from({ length: 300 }, () => new Wire(path));
    await Promise.all(wires.map((wire) => wire.take(1)));
    for (const wire of wires) wire.socket.destroy();
    await Promise.all(wires.map((wire) => wire.closed));
    (await attached()).socket.destroy();
  });
});
