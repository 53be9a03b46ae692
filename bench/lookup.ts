/**
 * Looks events up in a trail of a million records, by every attribute: see README.md. The trail is made by two real
 * writers, without a token.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { recordApiCall, userIdentity } from '../src/audit/build.ts';
import { Indexer } from '../src/audit/index/indexer.ts';
import { Lookup, type LookupQuery } from '../src/audit/lookup.ts';
import type { AuditRecord } from '../src/audit/record.ts';
import { openTrail } from '../src/audit/writer.ts';
import { systemClock } from '../src/clock.ts';

const account = '111122223333';
const region = 'us-east-1';
const begin = Date.UTC(2026, 0, 1);
/** A record every 60 ms: a million take some 17 hours. */
const stepMilliseconds = 60;
const rounds = 5;

const { values } = parseArgs({ options: { records: { type: 'string', default: '1000000' } } });
const total = Number(values.records);
const folder = mkdtempSync(join(tmpdir(), 'coffer-lookup-'));
process.once('exit', () => rmSync(folder, { recursive: true }));

function keyArn(number: number): string {
  return `arn:aws:kms:${region}:${account}:key/1234abcd-12ab-34cd-56ef-${String(number).padStart(12, '0')}`;
}

function makeRecord(number: number): AuditRecord {
  const time = begin + number * stepMilliseconds;
  const clock = { now: () => time, monotonic: () => time };
  const rare = number === Math.floor(total / 3);
  const userName = rare ? 'rare' : `user-${number % 100}`;
  const caller = {
    type: 'IAMUser',
    arn: `arn:aws:iam::${account}:user/${userName}`,
    principalId: 'AIDAAAAAAAAAAAAAAAAAA',
    account,
    userName,
  } as const;
  return recordApiCall(clock, {
    identity: userIdentity(caller, `AKIA${String(number % 200).padStart(16, 'A')}`),
    operation: rare ? 'ScheduleKeyDeletion' : number % 2 === 0 ? 'Encrypt' : 'Decrypt',
    region,
    account,
    sourceIp: '127.0.0.1',
    userAgent: 'aws-sdk-js/3.1162.0 os/linux lang/js md/nodejs#26.10.0 api/kms#3.1162.0',
    requestId: randomUUID(),
    readOnly: !rare,
    parameters: { keyId: keyArn(number % 1_000), encryptionContext: { tenant: `tenant-${number % 50}` } },
    resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: keyArn(number % 1_000) }],
  });
}

async function write(slot: string, remainder: number): Promise<void> {
  const writer = await openTrail({
    folder,
    slot,
    segmentBytes: 256 * 1024 * 1024,
    mac: async (data) => createHmac('sha256', 'bench').update(data).digest(),
    clock: systemClock,
  });
  for (let number = remainder; number < total; ) {
    const group: Promise<void>[] = [];
    for (; group.length < 512 && number < total; number += 2) group.push(writer.append(makeRecord(number)));
    await Promise.all(group);
  }
  await writer.close();
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, milliseconds: number]> {
  const started = systemClock.monotonic();
  const result = await work();
  return [result, systemClock.monotonic() - started];
}

const [, writing] = await timed(() => Promise.all([write('worker-1', 0), write('worker-2', 1)]));
const indexer = new Indexer({ folder });
const [, indexing] = await timed(() => indexer.run());
await indexer.close();
console.log(`${total} records written in ${Math.round(writing)} ms, indexed in ${Math.round(indexing)} ms\n`);

const lookup = new Lookup(folder);
const middle = begin + (total / 2) * stepMilliseconds;
const absent = randomUUID();
const first = await lookup.lookupEvents({ account, region, maxResults: 50 });
const queries: Record<string, Partial<LookupQuery>> = {
  everything: {},
  'the second page': { ...(first.nextToken !== undefined && { nextToken: first.nextToken }) },
  'an hour in the middle': { startTime: middle, endTime: middle + 3_600_000 },
  'EventName, common': { attribute: { key: 'EventName', value: 'Encrypt' } },
  'EventName, one of all': { attribute: { key: 'EventName', value: 'ScheduleKeyDeletion' } },
  'ReadOnly, one of all': { attribute: { key: 'ReadOnly', value: 'false' } },
  'Username, one in a hundred': { attribute: { key: 'Username', value: 'user-7' } },
  'Username, one of all': { attribute: { key: 'Username', value: 'rare' } },
  'AccessKeyId, absent': { attribute: { key: 'AccessKeyId', value: 'AKIANOBODY' } },
  'EventId, absent': { attribute: { key: 'EventId', value: absent } },
  'EventSource, absent': { attribute: { key: 'EventSource', value: 'sts.amazonaws.com' } },
  'ResourceName, one in a thousand': { attribute: { key: 'ResourceName', value: keyArn(7) } },
  'ResourceName, absent': { attribute: { key: 'ResourceName', value: 'alias/none' } },
  'ResourceType, absent': { attribute: { key: 'ResourceType', value: 'AWS::IAM::Role' } },
};
console.log('| looked up | events | ms, the slowest of five |\n| --- | ---: | ---: |');
for (const [name, query] of Object.entries(queries)) {
  let slowest = 0;
  let events = 0;
  for (let round = 0; round < rounds; round += 1) {
    const [answer, milliseconds] = await timed(() =>
      lookup.lookupEvents({ account, region, maxResults: 50, ...query }),
    );
    slowest = Math.max(slowest, milliseconds);
    events = answer.events.length;
  }
  console.log(`| ${name} | ${events} | ${slowest.toFixed(0)} |`);
}
