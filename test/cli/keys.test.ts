import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { change, recordsOf } from '../clients/operator.ts';
import { newKey, refused } from '../clients/shared.ts';
import { destroyObject, plantObject, type Target } from '../fault/session.ts';
import { type Service, startService } from '../service.ts';
import { coffer } from './coffer.ts';

interface Told {
  readonly code: number;
  readonly stdout: string;
}

describe('coffer keys reconcile', function () {
  this.timeout(60_000);
  let at: Service;
  let target: Target;

  before(async () => {
    at = await startService({ workers: 1, hosts: 1 });
    target = {
      module: at.token.module,
      label: at.token.label,
      pin: () => readFileSync(at.token.pinFile, 'utf8').trim(),
      tokens: join(at.folder, 'softhsm', 'tokens'),
      folder: at.folder,
    };
  });
  after(() => at.remove());

  async function reconcile(...args: string[]): Promise<Told> {
    try {
      return { code: 0, stdout: await coffer(at, 'keys', 'reconcile', ...args) };
    } catch (error) {
      if (error instanceof Error && 'code' in error && 'stdout' in error) {
        return { code: Number(error.code), stdout: String(error.stdout) };
      }
      throw error;
    }
  }

  /** A key, and the id of its object in the token. */
  async function key() {
    const made = await newKey(at.client());
    const { CiphertextBlob = new Uint8Array() } = await at
      .client()
      .encrypt({ KeyId: made.id, Plaintext: Buffer.from('x') });
    return { ...made, materialId: Buffer.from(CiphertextBlob).toString('hex', 17, 33) };
  }

  it('tells a service’s operator that store and token agree', async () => {
    await key();
    const { code, stdout } = await reconcile();
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^The store has 1 key materials, the token 6 objects of Coffer's: they agree\.$/m,
    );
    expect(JSON.parse((await reconcile('--json')).stdout)).to.include({
      version: 1,
      service: 'running',
      differences: 0,
    });
  });

  it('tells what differs, what it means and what to do, while the service runs and while it doesn’t', async () => {
    const lost = await key();
    await destroyObject(target, lost.materialId);
    for (const service of ['running', 'stopped']) {
      if (service === 'stopped') await at.stop();
      const { code, stdout } = await reconcile('--json', '--mend');
      expect(code).to.equal(1);
      const told = JSON.parse(stdout);
      expect(told).to.include({ service, differences: 1 });
      expect(told.findings[0]).to.include({ kind: 'lost-key', keyId: lost.id, mended: false });
      const text = (await reconcile()).stdout;
      expect(text).to.include(`lost-key: ${lost.id} material ${lost.materialId}`);
      expect(text).to.match(/restore the token from its backup/);
    }
    await at.start();
    expect(recordsOf(at, 'ReconcileKeys')).to.deep.equal([]);
  });

  it('has the service end a destruction that was interrupted, which is in the trail and gone for its callers', async () => {
    const doomed = await key();
    const scope = { region: at.region, account: at.account, keyId: doomed.id } as const;
    const going = { ...scope, type: 'key-state', deletionDate: 1 } as const;
    await change(at, { ...going, from: ['Enabled'], to: 'PendingDeletion' });
    await change(at, { ...going, from: ['PendingDeletion'], to: 'Destroying' });
    const { findings } = JSON.parse((await reconcile('--json', '--mend')).stdout);
    expect(findings).to.have.length(2);
    expect(findings.find(({ keyId }: { keyId: string }) => keyId === doomed.id)).to.include({
      kind: 'destroying',
      mended: true,
    });
    await refused(at.client().describeKey({ KeyId: doomed.id }), 'NotFoundException');
    const [record] = recordsOf(at, 'DeleteKey');
    expect(record.resources[0].ARN).to.equal(doomed.arn);
    expect(JSON.parse((await reconcile('--json')).stdout).findings).to.have.length(1);
  });

  it('leaves alone what another program has in the token', async () => {
    await plantObject(target, randomBytes(16).toString('hex'));
    const { findings } = JSON.parse((await reconcile('--json', '--mend')).stdout);
    expect(findings.map(({ kind }: { kind: string }) => kind)).to.deep.equal(['lost-key']);
  });

  it('says where it can’t compare', async () => {
    await at.stop();
    const nowhere = { configFile: join(at.folder, randomUUID()) };
    const told = await coffer(nowhere, 'keys', 'reconcile').then(
      () => 0,
      (error: Error & { code?: number }) => error.code,
    );
    expect(told).to.equal(2);
    await at.start();
  });
});
