import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Outbox } from '../../src/app/outbox.ts';
import { claimToken } from '../../src/app/ownership.ts';
import { Lookup } from '../../src/audit/lookup.ts';
import { containsEvents, readStream } from '../../src/audit/read.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { openTrail } from '../../src/audit/writer.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { Encryptions, encryptionLimit } from '../../src/keys/encryptions.ts';
import type { Hsm } from '../../src/keys/hsm.ts';
import type { ChangeWriter } from '../../src/keys/repository.ts';
import { KeyUses } from '../../src/keys/uses.ts';
import type { Change } from '../../src/operations/operation.ts';
import { createPipeline, type Pipeline } from '../../src/operations/pipeline.ts';
import type { ServiceName } from '../../src/service.ts';
import { openStoreReader, openStoreWriter } from '../../src/store/sqlite/open.ts';
import { makeTier } from '../fault/tier.ts';
import { TestClock } from './clock.ts';

/** Everything below the wire, real, in this process, under a clock that the test moves. */
export async function assemble() {
  const tier = await makeTier();
  await tier.start();
  const hsm: Hsm = tier.connect();
  const folder = mkdtempSync(join(tmpdir(), 'coffer-jobs-'));
  const clock = new TestClock();
  const storeFile = join(folder, 'store', 'coffer.db');
  const store = await openStoreWriter(storeFile, clock);
  const account = '111122223333';
  await store.createAccount(account, 'main');
  await claimToken({ storeId: store.storeId, ...(await store.count()) }, hsm);
  const reader = await openStoreReader(storeFile);
  const trailFolder = join(folder, 'trail');
  const trail = await openTrail({
    folder: trailFolder,
    slot: 'primary',
    segmentBytes: 1 << 20,
    mac: (data) => hsm.trailMac(data),
    clock,
  });
  const log = pino({ level: 'silent' });
  const outbox = new Outbox(
    store,
    trail,
    (ids, since) => containsEvents(trailFolder, 'primary', ids, since),
    log,
  );
  const changes: ChangeWriter<Change> = {
    async apply(change, record) {
      const { outcome } = await store.apply(change, record);
      if (record !== undefined) await outbox.drain();
      return outcome;
    },
  };
  const alarms: string[] = [];
  const uses: KeyUses = new KeyUses(reader, () => store.recordUses(uses.take()));
  const parts = {
    keys: reader,
    identities: reader,
    events: new Lookup(trailFolder),
    regions: ['us-east-1'],
    hsm,
    changes,
    encryptions: new Encryptions({
      reserve: (material, encryptions) => store.reserveEncryptions(material, encryptions, encryptionLimit),
    }),
    uses,
    clock,
    trail,
    alarm: (detail: string) => void alarms.push(detail),
  };
  const pipeline = createPipeline(parts);
  const principal: Principal = {
    type: 'Root',
    arn: `arn:aws:iam::${account}:root`,
    principalId: account,
    account,
    userName: undefined,
  };

  return {
    tier,
    hsm,
    store,
    changes,
    clock,
    alarms,
    trail,
    /** Makes a call as the administrator. */
    async call<T = Record<string, unknown>>(operation: string, input: Record<string, unknown>): Promise<T> {
      return this.callAs<T>(principal, 'kms', operation, input);
    },
    root: principal,
    scope: { region: 'us-east-1', account },
    identities: reader,
    async callAs<T = Record<string, unknown>>(
      principal: Principal,
      service: ServiceName,
      operation: string,
      input: Record<string, unknown>,
    ): Promise<T> {
      return this.dispatch<T>(pipeline, principal, service, operation, input);
    },
    /** Makes a call as the administrator where some of the parts below are others. */
    async callWith<T = Record<string, unknown>>(
      over: Partial<Pick<typeof parts, 'hsm' | 'changes'>>,
      operation: string,
      input: Record<string, unknown>,
    ): Promise<T> {
      return this.dispatch<T>(createPipeline({ ...parts, ...over }), principal, 'kms', operation, input);
    },
    async dispatch<T>(
      through: Pipeline,
      principal: Principal,
      service: ServiceName,
      operation: string,
      input: Record<string, unknown>,
    ): Promise<T> {
      return (await through.dispatch({
        operation,
        input,
        principal,
        accessKeyId: 'AKIAEXAMPLE',
        region: 'us-east-1',
        sourceIp: '127.0.0.1',
        userAgent: 'test',
        service,
        secure: false,
        requestId: crypto.randomUUID(),
      })) as T;
    },
    async createKey(): Promise<string> {
      const { KeyMetadata } = await this.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', {});
      return KeyMetadata.KeyId;
    },
    /** What the trail holds. */
    async records(): Promise<AuditRecord[]> {
      const found: AuditRecord[] = [];
      for await (const line of readStream(trailFolder, 'primary')) {
        const json = JSON.parse(line.bytes.toString('utf8'));
        if (json.eventName !== undefined) found.push(json);
      }
      return found;
    },
    async close() {
      await outbox.close();
      await trail.close();
      await reader.close();
      await store.close();
      await tier.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Assembly = Awaited<ReturnType<typeof assemble>>;
