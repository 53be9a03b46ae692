import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { operationCodes } from '../../src/hsm/request.ts';
import type { Hsm } from '../../src/keys/hsm.ts';
import { dateIn, newMaterial, outcomeOf } from '../fault/load.ts';
import { makeTier, type Tier } from '../fault/tier.ts';
import { frame, Wire } from '../fault/wire.ts';
import { formsOf, searchMemory } from './memory.ts';

describe('a host', () => {
  let tier: Tier;
  let hsm: Hsm;
  const material = newMaterial();
  const context = Buffer.from('context');

  before(async () => {
    tier = makeTier({ hosts: 1 });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(material);
  });
  after(() => tier.close());

  it('keeps no plaintext, data key or secret of an access key in its memory', async () => {
    const needles = new Map<string, Buffer>();
    const note = (name: string, bytes: Buffer) => {
      for (const [form, needle] of formsOf(name, bytes)) needles.set(form, needle);
    };
    const aad = Buffer.from('aad');
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      const plaintext = randomBytes(round < 10 ? 32 : 4_096);
      const blob = await hsm.encrypt(material, context, plaintext);
      await hsm.decrypt(blob, context);
      await hsm.reEncrypt(blob, context, material, aad);
      await hsm.decrypt(blob, aad).catch(() => undefined);
      const dataKey = await hsm.generateDataKey(material, context, 32);
      const { secret, sealed } = await hsm.createAccessKeySecret(aad);
      await hsm.deriveSigningKey(aad, sealed, dateIn(0), 'us-east-1', 'kms');
      if (round % 5 !== 0) return;
      // The middle of a long one: what is left of it may have lost its ends.
      note(`plaintext ${round}`, plaintext.subarray(-1_024).subarray(0, 32));
      note(`data key ${round}`, dataKey.plaintext);
      note(`secret ${round}`, secret);
    });
    await Promise.all(rounds);
    // What fails is forgotten too: last of all, so that nothing else overwrites it.
    const lost = randomBytes(4_096);
    const blob = await hsm.encrypt(material, context, lost);
    note('what was not re-encrypted', lost.subarray(2_000, 2_032));
    expect(await outcomeOf(hsm.reEncrypt(blob, context, newMaterial(), context))).to.equal('missing-object');
    const wire = new Wire(join(tier.socketFolder, 'host-0.sock'));
    await wire.attach(readFileSync(join(tier.socketFolder, 'attach.secret')));
    const cut = randomBytes(4_096);
    note('what came in part', cut.subarray(1_000, 1_032));
    const whole = frame(operationCodes.encrypt, 1, Buffer.concat([Buffer.alloc(36), cut]));
    wire.socket.end(whole.subarray(0, -1));
    await wire.closed;
    // Node reads into memory that it uses again and doesn't zero: this is about what the host keeps.
    for (let round = 0; round < 16; round++) await hsm.encrypt(material, context, Buffer.alloc(4_096));
    // Answers leave with the last writes, and are zeroed after those.
    await hsm.random(1);
    expect(searchMemory(tier.hostPid(), needles)).to.deep.equal([]);
  });
});
