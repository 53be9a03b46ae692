/** Holds what the clients were told against the service, the trail, the store and the token. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { verifyTrail as proveTrail } from '../../src/audit/proof/trail.ts';
import { readStream } from '../../src/audit/read.ts';
import { listSlots } from '../../src/audit/segment.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { cleanEnvironment, type Service } from '../service.ts';
import type { Facts } from './facts.ts';
import type { StoredObject } from './objects.ts';

const root = resolve(import.meta.dirname, '../..');

/** Does `work` on each item, some at once. */
async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
    }),
  );
}

/** Every acknowledged key, alias and ciphertext is there and works; what is gone is gone. */
export async function verifyService(client: KMS, facts: Facts): Promise<void> {
  const states = new Map<string, string | undefined>();
  await each(facts.keys.values(), async ({ keyId, states: allowed, description }) => {
    const { KeyMetadata } = await client.describeKey({ KeyId: keyId });
    expect(KeyMetadata?.KeyState, `key ${keyId}`).to.be.oneOf([...allowed]);
    expect(KeyMetadata?.Description, `key ${keyId}`).to.be.oneOf([...description]);
    states.set(keyId, KeyMetadata?.KeyState);
  });
  await each(facts.aliases.values(), async ({ aliasName, target, existence }) => {
    const found = await client.describeKey({ KeyId: aliasName }).then(
      ({ KeyMetadata }) => KeyMetadata?.KeyId,
      (error: Error) => error.name,
    );
    expect(found, aliasName).to.be.oneOf(
      existence.map((which) => (which === 'there' ? target : 'NotFoundException')),
    );
  });
  const refusals: Record<string, string> = {
    Disabled: 'DisabledException',
    PendingDeletion: 'KMSInvalidStateException',
  };
  await each(facts.ciphertexts, async ({ keyId, blob, plaintext, context }) => {
    const state = states.get(keyId) ?? 'lost';
    const request = { CiphertextBlob: blob, EncryptionContext: context };
    const opened = await client.decrypt(request).then(
      ({ Plaintext }) => Buffer.from(Plaintext ?? []).toString('hex'),
      (error: Error) => error.name,
    );
    if (state !== 'Enabled') expect(opened, `a ciphertext of ${keyId}`).to.equal(refusals[state]);
    else if (plaintext === undefined) expect(opened, `a data key of ${keyId}`).to.have.length(64);
    else expect(opened, `a ciphertext of ${keyId}`).to.equal(Buffer.from(plaintext).toString('hex'));
  });
}

interface TrailRecord {
  readonly eventID: string;
  readonly requestID: string;
  readonly eventName: string;
  readonly errorCode?: string;
  readonly requestParameters: Record<string, unknown> | null;
  readonly responseElements: { keyMetadata?: { keyId?: string } } | null;
  readonly resources: readonly { readonly ARN: string }[];
}

/** Every record of every stream, whose chains are whole; streams in the order of their names. */
export async function readTrail(folder: string): Promise<TrailRecord[]> {
  const records: TrailRecord[] = [];
  for (const slot of await listSlots(folder)) {
    const verdict = await verifyChain(readStream(folder, slot));
    expect(verdict.type, `the chain of ${slot}: ${JSON.stringify(verdict)}`).to.equal('whole');
    for await (const { bytes, parsed } of readStream(folder, slot)) {
      if (typeof parsed === 'object' && parsed.type === 'record') {
        records.push(JSON.parse(bytes.toString('utf8')));
      }
    }
  }
  const { findings } = await proveTrail({ folder });
  expect(findings, 'what checkpoints have signed').to.deep.equal([]);
  return records;
}

export interface Rows {
  readonly keys: { keyId: string; state: string }[];
  readonly aliases: { aliasName: string; keyId: string }[];
  readonly materials: {
    keyId: string;
    materialId: string;
    state: string;
    /** Of material that was imported. */
    importState: string | undefined;
  }[];
  /** Those that are in the token. */
  readonly wrappingKeys: { wrappingId: string; state: string }[];
  readonly outbox: number;
}

/** The store, read past Coffer. */
export function readStore(file: string): Rows {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const text = (row: Record<string, unknown>, column: string) => String(row[column]);
    return {
      keys: database
        .prepare('select key_id, state from keys')
        .all()
        .map((row) => ({ keyId: text(row, 'key_id'), state: text(row, 'state') })),
      aliases: database
        .prepare('select alias_name, target_key_id from aliases')
        .all()
        .map((row) => ({ aliasName: text(row, 'alias_name'), keyId: text(row, 'target_key_id') })),
      materials: database
        .prepare('select key_id, material_id, state, import_state from materials')
        .all()
        .map((row) => ({
          keyId: text(row, 'key_id'),
          materialId: text(row, 'material_id'),
          state: text(row, 'state'),
          importState: row.import_state === null ? undefined : text(row, 'import_state'),
        })),
      wrappingKeys: database
        .prepare("select wrapping_id, state from wrapping_keys where state <> 'Destroyed'")
        .all()
        .map((row) => ({ wrappingId: text(row, 'wrapping_id'), state: text(row, 'state') })),
      outbox: Number(database.prepare('select count(*) as n from outbox').get()?.n),
    };
  } finally {
    database.close();
  }
}

/** Every acknowledged request is in the trail once, every change in force has its record, and no record lies. */
export function verifyTrail(
  records: readonly TrailRecord[],
  rows: Rows,
  facts: Facts,
  /** Set where the trail itself could not be written: such a refusal may have no record. */
  options: { unrecorded?: string } = {},
): void {
  const events = new Set<string>();
  const byRequest = new Map<string, TrailRecord>();
  for (const record of records) {
    expect(events.has(record.eventID), `event ${record.eventID} is there twice`).to.equal(false);
    events.add(record.eventID);
    expect(byRequest.has(record.requestID), `request ${record.requestID} is there twice`).to.equal(false);
    byRequest.set(record.requestID, record);
  }
  for (const [requestId, { operation, error }] of facts.answered) {
    const record = byRequest.get(requestId);
    if (record === undefined && error !== undefined && error === options.unrecorded) continue;
    expect(record?.eventName, `${operation} ${requestId}, answered with ${error ?? 'success'}`).to.equal(
      operation,
    );
    expect(record?.errorCode, `${operation} ${requestId}`).to.equal(error);
  }

  const created = new Set<string>();
  const pending = new Set<string>();
  const aliases = new Map<string, Set<string>>();
  for (const { eventName, errorCode, requestParameters, responseElements, resources } of records) {
    if (errorCode !== undefined) continue;
    const keyId = String(requestParameters?.keyId);
    if (eventName === 'CreateKey') created.add(String(responseElements?.keyMetadata?.keyId));
    if (eventName === 'ScheduleKeyDeletion') pending.add(keyId);
    if (eventName === 'CreateAlias' || eventName === 'DeleteAlias') {
      const name = String(requestParameters?.aliasName);
      expect(
        resources.some(({ ARN }) => ARN.endsWith(`:${name}`)),
        `${eventName} names ${name}`,
      ).to.equal(true);
      aliases.set(name, (aliases.get(name) ?? new Set()).add(eventName));
    }
  }
  expect(new Set(rows.keys.map(({ keyId }) => keyId)), 'keys of the store and of the trail').to.deep.equal(
    created,
  );
  const going = rows.keys.filter(({ state }) => state === 'PendingDeletion').map(({ keyId }) => keyId);
  expect(new Set(going), 'keys that go').to.deep.equal(pending);
  // An alias of the load is made once and deleted once at most.
  const standing = [...aliases].filter(([, did]) => !did.has('DeleteAlias')).map(([name]) => name);
  expect(new Set(rows.aliases.map(({ aliasName }) => aliasName)), 'aliases').to.deep.equal(new Set(standing));
  expect(rows.outbox, 'records that wait in the outbox').to.equal(0);
}

/**
 * Every object of the token is accounted for, and every row has its object.
 * @returns how many shells there are: SoftHSM, killed in C_GenerateKey, may leave an object without label, id or value
 */
export async function verifyToken(service: Service, rows: Rows): Promise<number> {
  const script = join(root, 'test/crash/objects.ts');
  const env = cleanEnvironment(service.token.environment);
  const { stdout } = await promisify(execFile)(
    join(root, 'scripts/node'),
    [script, JSON.stringify(service.token)],
    { env, maxBuffer: 64 * 1024 * 1024 },
  );
  const objects: StoredObject[] = JSON.parse(stdout);
  // SoftHSM writes an object's attributes by their numbers, so one that has no label yet has no value either.
  const isShell = ({ label = '', id = '', empty }: StoredObject) => empty && label === '' && id === '';
  const whole = objects.filter((object) => !isShell(object));
  const labels = whole.map(({ label }) => label ?? '(no label)');
  const wanted = rows.materials
    .filter(({ importState }) => importState !== 'Deleted')
    .map(({ keyId, materialId }) => `coffer key ${keyId} material ${materialId}`);
  wanted.push(...rows.wrappingKeys.map(({ wrappingId }) => `coffer wrapping ${wrappingId}`));
  wanted.push('coffer canary', 'coffer sealing', 'coffer trail', 'coffer checkpoint');
  const names = whole.map((object, at) => `${labels[at]} of class ${object.class}`);
  expect(new Set(names).size, 'objects of one label').to.equal(names.length);
  expect(
    {
      unexplained: labels.filter((label) => !wanted.includes(label)),
      lost: wanted.filter((label) => !labels.includes(label)),
    },
    'objects of the token and rows of the store',
  ).to.deep.equal({ unexplained: [], lost: [] });
  for (const { label, id } of whole) {
    const materialId = /^coffer key \S+ material (\S+)$/.exec(label ?? '')?.[1];
    if (materialId !== undefined) expect(id, label).to.equal(materialId);
  }
  return objects.length - whole.length;
}

/** Waits until keys, materials and wrapping keys that a crash interrupted are cleared up. */
export async function creationsSettled(service: Service): Promise<void> {
  const deadline = Date.now() + 15_000;
  const between = new Set(['Creating', 'Abandoning', 'Importing', 'Deleting', 'Destroying']);
  const unfinished = ({ keys, materials, wrappingKeys }: Rows) =>
    [...keys, ...materials, ...wrappingKeys].some(({ state }) => between.has(state)) ||
    materials.some(({ importState = '' }) => between.has(importState));
  while (unfinished(readStore(service.storeFile))) {
    if (Date.now() > deadline) expect.fail('a key or material is still being created');
    await pause(100);
  }
}
