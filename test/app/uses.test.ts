import { Agent } from 'node:http';
import type { KMS } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { UseRecorder } from '../../src/app/use-recorder.ts';
import type { KeyUse } from '../../src/keys/uses.ts';
import { type Service, startService } from '../service.ts';
import { memoryLog } from '../wire/api.ts';

describe('the last uses of keys, over several processes', function () {
  this.timeout(60_000);
  let service: Service;
  before(async () => {
    service = await startService({ workers: 3, hosts: 1 });
  });
  after(() => service.remove());

  /** A connection of its own, so that requests reach every worker in turn. */
  function connection(): KMS {
    const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 });
    return service.client({ requestHandler: new NodeHttpHandler({ httpAgent }) });
  }

  it('are told by every process at once, whichever it was that used the key', async () => {
    const clients = Array.from({ length: 6 }, connection);
    const { KeyMetadata } = await connection().createKey({});
    const KeyId = KeyMetadata?.KeyId;
    for (const [turn, client] of clients.entries()) {
      const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
      if (turn % 2 === 1) await client.decrypt({ CiphertextBlob });
      for (const other of clients) {
        const { KeyLastUsage } = await other.getKeyLastUsage({ KeyId });
        expect(KeyLastUsage?.Operation).to.equal(turn % 2 === 1 ? 'Decrypt' : 'Encrypt');
      }
    }
  });

  it('outlive a service that is stopped', async () => {
    const client = connection();
    const { KeyMetadata } = await client.createKey({});
    const KeyId = KeyMetadata?.KeyId;
    await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
    await service.stop();
    await service.start();
    const { KeyLastUsage } = await connection().getKeyLastUsage({ KeyId });
    expect(KeyLastUsage?.Operation).to.equal('Encrypt');
  });
});

describe('the keeper of last uses', () => {
  const use = (keyId: string, at: number): KeyUse => ({
    region: 'us-east-1',
    account: '111122223333',
    keyId,
    operation: 'Sign',
    at,
    eventId: '',
    requestId: '',
  });

  it('keeps what the store does not take for the next time, and of one key the latest', async () => {
    const written: (readonly KeyUse[])[] = [];
    let full = true;
    const store = {
      async recordUses(uses: readonly KeyUse[]) {
        if (full) throw new Error('the disk is full');
        written.push(uses);
      },
    };
    const lines: Record<string, unknown>[] = [];
    const recorder = new UseRecorder(store, memoryLog(lines));
    await recorder.record([use('a', 1), use('b', 2)]);
    expect(lines).to.have.length(1);
    full = false;
    await recorder.record([use('a', 5), use('a', 4)]);
    expect(written).to.deep.equal([[use('a', 5), use('b', 2)]]);
    await recorder.record([use('b', 3)]);
    expect(written[1]).to.deep.equal([use('b', 3)]);
  });

  it('resolves when all that came before is written', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let written = 0;
    const store = {
      async recordUses(uses: readonly KeyUse[]) {
        if (uses.length === 0) return;
        await held;
        written += uses.length;
      },
    };
    const recorder = new UseRecorder(store, memoryLog([]));
    void recorder.record([use('a', 1)]);
    const writtenThen = recorder.record([]).then(() => written);
    // Nothing that could be done without the first is left to do.
    await new Promise(setImmediate);
    release();
    expect(await writtenThen).to.equal(1);
  });
});
