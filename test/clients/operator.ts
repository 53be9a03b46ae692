/** What tests have the machine's operator do: roles made without a call, and the trail read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectControl } from '../../src/app/control.ts';
import { iamArn } from '../../src/arn.ts';
import { recordApiCall } from '../../src/audit/build.ts';
import { systemClock } from '../../src/clock.ts';
import type { Role } from '../../src/identity/entity.ts';
import { newIdentifier } from '../../src/identity/identifier.ts';
import type { Change } from '../../src/store/store.ts';
import type { Service } from '../service.ts';

export async function change(at: Service, made: Change): Promise<void> {
  const control = await connectControl(at.storeFile);
  if (control === undefined) throw new Error('the service has no control socket');
  try {
    const record = recordApiCall(systemClock, {
      identity: { type: 'AWSService', invokedBy: 'test' },
      operation: made.type,
      region: made.region,
      account: made.account,
      sourceIp: 'test',
      userAgent: 'test',
      requestId: crypto.randomUUID(),
      readOnly: false,
      parameters: null,
      resources: [],
    });
    const outcome = await control.apply(made, record);
    if (outcome.type !== 'done') throw new Error(`${made.type}: ${outcome.type}`);
  } finally {
    control.close();
  }
}

/** @param policies inline ones of the role, by their statements @param trust the Principal of its trust policy */
export async function makeRole(
  at: Service,
  name: string,
  trust: { readonly Principal: unknown; readonly Action?: unknown; readonly Condition?: object },
  policies: readonly object[],
  more: Partial<Role> = {},
): Promise<Role> {
  const scope = { region: at.region, account: more.account ?? at.account };
  const role: Role = {
    type: 'Role',
    account: scope.account,
    id: newIdentifier('AROA'),
    name,
    path: '/',
    arn: iamArn(scope.account, 'role', '/', name),
    createdAt: Date.now(),
    boundary: undefined,
    tags: [],
    description: undefined,
    maxSessionDuration: 3_600,
    trustPolicy: document({ Action: 'sts:AssumeRole', ...trust }),
    ...more,
  };
  await change(at, { ...scope, type: 'role-created', role, limit: 1_000 });
  for (const [index, statement] of policies.entries()) {
    await change(at, {
      ...scope,
      type: 'inline-policy-put',
      id: role.id,
      name: `policy-${index}`,
      document: document(statement),
      limit: 10_240,
    });
  }
  return role;
}

export function document(...statements: readonly object[]): string {
  const Statement = statements.map((statement) => ({ Effect: 'Allow', ...statement }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Every line of the trail, of all streams. */
export function trailText(at: Pick<Service, 'trailFolder'>): string {
  return readdirSync(at.trailFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

/** The trail's records of one operation. */
// biome-ignore lint/suspicious/noExplicitAny: JSON, of which each test knows its own
export function recordsOf(at: Pick<Service, 'trailFolder'>, eventName: string): any[] {
  return trailText(at)
    .split('\n')
    .filter((line) => line.includes(`"eventName":"${eventName}"`))
    .map((line) => JSON.parse(line));
}
