import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { newKey, service, unique } from './shared.ts';

/** How many requests look at a change at once, each on a connection of its own: both workers get some. */
const parallel = 20;

describe('a change answered by one worker', () => {
  let client: KMS;
  /** Opens a connection a request. */
  let eyes: KMS;

  before(async function () {
    this.timeout(60_000);
    const at = await service();
    client = at.client();
    eyes = at.client({ requestHandler: { httpAgent: new Agent({ keepAlive: false }) } });
  });

  /** What `parallel` requests at once find, each outcome once. */
  async function look(ask: () => Promise<string | undefined>): Promise<(string | undefined)[]> {
    const found = await Promise.all(
      Array.from({ length: parallel }, () => ask().catch((error: Error) => error.name)),
    );
    return [...new Set(found)];
  }

  it('is seen by the next request on any: a key that is disabled and enabled', async function () {
    this.timeout(30_000);
    const { id: KeyId } = await newKey(client);
    const encrypt = async () => {
      await eyes.encrypt({ KeyId, Plaintext: Buffer.from('x') });
      return 'encrypted';
    };
    expect(await look(encrypt)).to.deep.equal(['encrypted']);
    for (let round = 0; round < 8; round++) {
      await eyes.disableKey({ KeyId });
      expect(await look(encrypt)).to.deep.equal(['DisabledException']);
      await eyes.enableKey({ KeyId });
      expect(await look(encrypt)).to.deep.equal(['encrypted']);
    }
  });

  it('is seen by the next request on any: an alias that is made, moved and deleted', async function () {
    this.timeout(30_000);
    const first = await newKey(client);
    const second = await newKey(client);
    const AliasName = unique('alias/workers');
    const target = async () => (await eyes.describeKey({ KeyId: AliasName })).KeyMetadata?.KeyId;
    for (let round = 0; round < 4; round++) {
      expect(await look(target)).to.deep.equal(['NotFoundException']);
      await eyes.createAlias({ AliasName, TargetKeyId: first.id });
      expect(await look(target)).to.deep.equal([first.id]);
      await eyes.updateAlias({ AliasName, TargetKeyId: second.id });
      expect(await look(target)).to.deep.equal([second.id]);
      await eyes.deleteAlias({ AliasName });
    }
  });

  it('is seen by the next request on any: a key that is made', async () => {
    for (let round = 0; round < 4; round++) {
      const { id: KeyId } = await newKey(eyes);
      expect(await look(async () => (await eyes.describeKey({ KeyId })).KeyMetadata?.KeyState)).to.deep.equal(
        ['Enabled'],
      );
    }
  });

  it('comes from a service of two workers, both of which answered', async () => {
    const { trailFolder } = await service();
    expect(readdirSync(trailFolder)).to.include.members(['worker-1', 'worker-2']);
  });
});
