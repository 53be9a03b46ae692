import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import { startTier, type Tier, tokens } from '../contract/hsm/tier.ts';

const context = Buffer.alloc(0);

/** SoftHSM writes an object's file in steps: a host that is killed meanwhile leaves the first part of it. */
describe('half-written objects in a token', function () {
  this.timeout(30_000);
  let tier: Tier;
  let hsm: Hsm;
  let folder: string;
  const whole: MaterialRef = { keyId: randomUUID(), materialId: randomBytes(16).toString('hex') };

  before(async () => {
    tier = await startTier(tokens['SoftHSM 2'], { hosts: 1 });
    hsm = tier.connect();
    const tokenFolder = join(tier.config.environment.SOFTHSM2_CONF ?? '', '..', 'tokens');
    folder = join(tokenFolder, readdirSync(tokenFolder)[0] ?? '');
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(whole);
  });
  after(() => tier.close());

  it('don’t keep the others from being listed and used, and can be destroyed', async () => {
    const before = new Set(readdirSync(folder));
    const doomed: MaterialRef = { keyId: randomUUID(), materialId: randomBytes(16).toString('hex') };
    await hsm.generateKey(doomed);
    const file = readdirSync(folder).find((name) => name.endsWith('.object') && !before.has(name));
    if (file === undefined) throw new Error('no object file');
    const bytes = readFileSync(join(folder, file));
    expect(await hsm.destroyKey(doomed)).to.equal(true);
    const left: string[] = [];
    for (let length = 0; length < bytes.length; length += 23) {
      const name = `${randomUUID()}.object`;
      writeFileSync(join(folder, name), bytes.subarray(0, length));
      left.push(name);
      const objects = await hsm.listObjects();
      expect(objects.some(({ id, kind }) => id === whole.materialId && kind === 'material')).to.equal(true);
      const blob = await hsm.encrypt(whole, context, Buffer.from('plaintext'));
      expect(String(await hsm.decrypt(blob, context))).to.equal('plaintext');
      expect((await hsm.checkHealth()).hosts[0]).to.include({ problem: undefined, restarts: 0 });
      await hsm.destroyKey(doomed);
      expect((await hsm.listObjects()).some(({ id }) => id === doomed.materialId)).to.equal(false);
      rmSync(join(folder, name), { force: true });
    }
    expect(left.length).to.be.above(10);
  });
});
