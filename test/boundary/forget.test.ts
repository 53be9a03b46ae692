import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Hsm } from '../../src/keys/hsm.ts';
import { newMaterial } from '../fault/load.ts';
import { makeTier, type Tier } from '../fault/tier.ts';
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
      await hsm.deriveSigningKey(aad, sealed, '20260101', 'us-east-1', 'kms');
      if (round % 5 !== 0) return;
      // The middle of a long one: what is left of it may have lost its ends.
      note(`plaintext ${round}`, plaintext.subarray(-1_024).subarray(0, 32));
      note(`data key ${round}`, dataKey.plaintext);
      note(`secret ${round}`, secret);
    });
    await Promise.all(rounds);
    // Answers leave with the last writes, and are zeroed after those.
    await hsm.random(1);
    expect(searchMemory(tier.hostPid(), needles)).to.deep.equal([]);
  });
});
