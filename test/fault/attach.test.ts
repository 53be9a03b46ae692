import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import pino from 'pino';
import { nonceBytes, proofBytes, prove } from '../../src/hsm/attach.ts';
import { connectHsm } from '../../src/hsm/client.ts';
import { operationCodes } from '../../src/hsm/request.ts';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import { newMaterial, outcomeOf, roundTrip } from './load.ts';
import type { Tier } from './tier.ts';
import { frame, startTarget, Wire } from './wire.ts';

const runs = 60;
const deadlineMilliseconds = 2_000;

describe('a socket of a host, before attaching,', () => {
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

  it('closes on any proof but the right one, and tells nothing but its nonce', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 300 }), async (bytes) => {
        const wire = new Wire(path);
        await wire.take(nonceBytes);
        wire.socket.write(bytes);
        await wire.closed;
        expect(wire.received).to.have.length(0);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('refuses a proof that was right on another connection', async () => {
    const first = new Wire(path);
    const theirs = await first.take(nonceBytes);
    const ours = randomBytes(nonceBytes);
    const proof = Buffer.concat([ours, prove(secret, 'client', theirs, ours)]);
    const second = new Wire(path);
    expect(await second.take(nonceBytes)).to.not.deep.equal(theirs);
    second.socket.write(proof);
    await second.closed;
    expect(second.received).to.have.length(0);
    first.socket.write(proof);
    expect(await first.take(proofBytes)).to.have.length(proofBytes);
    first.socket.destroy();
  });

  it('refuses frames that come together with a right proof, ahead of its own', async () => {
    const wire = new Wire(path);
    const theirs = await wire.take(nonceBytes);
    const ours = randomBytes(nonceBytes);
    const proof = prove(secret, 'client', theirs, ours);
    wire.socket.write(Buffer.concat([ours, proof, frame(operationCodes.health, 1, Buffer.alloc(0))]));
    await wire.closed;
    expect(wire.received).to.have.length(0);
  });

  it('is no use to a client that says nothing, or whose attach secret is wrong, cut short or missing', async () => {
    const silent = new Wire(path);
    const clientIn = (folder: string) =>
      connectHsm({ socketFolder: folder, hosts: 1, deadlineMilliseconds, log: pino({ level: 'silent' }) });
    const spoilings = [
      (file: string) => writeFileSync(file, randomBytes(32)),
      (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 16)),
      (file: string) => unlinkSync(file),
    ];
    const attempts = spoilings.map(async (spoil) => {
      const folder = mkdtempSync(join(tier.folder, 'x'));
      symlinkSync(path, join(folder, 'host-0.sock'));
      const file = join(folder, 'attach.secret');
      copyFileSync(join(tier.socketFolder, 'attach.secret'), file);
      const good = clientIn(folder);
      expect(await outcomeOf(good.random(8))).to.equal('ok');
      await good.close();
      spoil(file);
      const bad = clientIn(folder);
      expect(await outcomeOf(bad.random(8))).to.equal('unavailable');
      await bad.close();
    });
    await Promise.all([...attempts, silent.closed]);
    expect(silent.received).to.have.length(nonceBytes);
  });
});
