import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Follower, type StoredRecord } from '../audit/follow.ts';
import { accessKeyIdOf, resourcesOf, usernameOf } from '../audit/index/facts.ts';
import { isObject } from '../audit/shape.ts';
import { reportFailure } from './failure.ts';
import { findTrail, trailOptions } from './trail-folder.ts';

const pollMilliseconds = 250;

/** `coffer trail tail`: the last records of all streams for a person to read, and on and on with `--follow`. */
export async function run(args: string[]): Promise<void> {
  // Whoever reads this has seen enough.
  process.stdout.on('error', () => process.exit(0));
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...trailOptions,
        lines: { type: 'string', short: 'n', default: '20' },
        follow: { type: 'boolean', short: 'f', default: false },
      },
    });
    if (!/^\d{1,6}$/.test(values.lines)) throw new Error(`\`${values.lines}\` is no number of lines`);
    const follower = new Follower(findTrail(values).folder);
    print(await follower.last(Number(values.lines)));
    while (values.follow) {
      await pause(pollMilliseconds);
      print(await follower.next());
    }
  } catch (error) {
    reportFailure('trail tail', error);
  }
}

function print(records: readonly StoredRecord[]): void {
  if (records.length > 0) process.stdout.write(records.map((record) => `${show(record)}\n`).join(''));
}

/** One line: time, who, what, outcome, from where, which. */
export function show(record: StoredRecord): string {
  const { eventTime, eventSource, eventName, errorCode, sourceIPAddress } = record;
  const service = String(eventSource).replace('.amazonaws.com', '');
  const which = resourcesOf(record).map(({ arn }) => arn.split(':').slice(5).join(':'));
  return [
    clean(eventTime),
    clean(who(record)).padEnd(20),
    clean(`${service}:${String(eventName)}`).padEnd(32),
    clean(errorCode ?? 'ok').padEnd(24),
    clean(sourceIPAddress).padEnd(15),
    which.length === 0 ? '-' : which.map(clean).join(' '),
  ].join('  ');
}

function who(record: StoredRecord): string {
  const { userIdentity } = record;
  const type = isObject(userIdentity) ? userIdentity.type : undefined;
  const name = usernameOf(record);
  switch (type) {
    case 'AssumedRole': {
      const session = isObject(userIdentity) ? userIdentity.sessionContext : undefined;
      const issuer = isObject(session) ? session.sessionIssuer : undefined;
      return `${isObject(issuer) ? String(issuer.userName) : 'role'}/${name ?? '?'}`;
    }
    case 'AWSService':
      return 'coffer';
    case 'Unknown':
      return `?${accessKeyIdOf(record) ?? ''}`;
    default:
      return name ?? '?';
  }
}

/** Anybody may have chosen what stands there: nothing of it moves a cursor or passes for another column. */
function clean(value: unknown): string {
  return String(value).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S}]/gu, '\ufffd') || '-';
}
