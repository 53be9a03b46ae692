import { keyArn } from '../arn.ts';
import { recordServiceEvent } from '../audit/build.ts';
import type { Clock } from '../clock.ts';
import { type Hsm, HsmError } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import { materialsInToken } from '../keys/material.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import { endWrappingKey, type WrappingKey } from '../keys/wrapping-key.ts';
import type { DueTime } from './due.ts';

export interface DestroyJob {
  readonly store: {
    dueForDeletion(now: number): Promise<readonly Key[]>;
    wrappingKeys(key: Key): Promise<readonly WrappingKey[]>;
  };
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
  readonly due: DueTime;
  /** Whether to stop after the key in hand. */
  readonly ending?: () => boolean;
}

/**
 * Destroys the keys whose waiting period has ended: the row becomes `Destroying` (a cancel that comes first
 * wins, one that comes later is refused), then the token objects go, then the row, together with its record. A crash anywhere in between
 * is taken up by the next run. One key that can't be destroyed doesn't keep the others.
 * @returns how many keys were destroyed, how many are due but held, and why others weren't
 */
export async function destroyDueKeys(
  job: DestroyJob,
): Promise<{ destroyed: number; held: number; failures: readonly { keyId: string; cause: unknown }[] }> {
  let destroyed = 0;
  let held = 0;
  const failures: { keyId: string; cause: unknown }[] = [];
  for (const key of await job.store.dueForDeletion(job.due.now())) {
    if (job.ending?.()) break;
    if (key.state === 'PendingDeletion' && !job.due.isDue(key.deletionDate ?? Number.POSITIVE_INFINITY)) {
      held += 1;
      continue;
    }
    try {
      if (await destroy(key, job)) destroyed += 1;
    } catch (cause) {
      failures.push({ keyId: key.keyId, cause });
      // Without a token the next would only wait as long again.
      if (cause instanceof HsmError && (cause.kind === 'unavailable' || cause.kind === 'timeout')) break;
    }
  }
  return { destroyed, held, failures };
}

async function destroy(key: Key, { store, changes, hsm, clock }: DestroyJob): Promise<boolean> {
  const { region, account, keyId } = key;
  const scope = { region, account };
  if (key.state === 'PendingDeletion') {
    const { type } = await changes.apply(
      {
        ...scope,
        type: 'key-state',
        keyId,
        from: ['PendingDeletion'],
        to: 'Destroying',
        ...(key.deletionDate !== undefined && { deletionDate: key.deletionDate }),
      },
      undefined,
    );
    if (type !== 'done') return false;
  }
  for (const { materialId } of materialsInToken(key)) await hsm.destroyKey({ keyId, materialId });
  for (const wrappingKey of await store.wrappingKeys(key)) await endWrappingKey(wrappingKey, changes, hsm);
  const ARN = keyArn(key, keyId);
  const record = recordServiceEvent(clock, {
    name: 'DeleteKey',
    ...scope,
    resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN }],
    additional: { keyId: ARN },
  });
  const { type } = await changes.apply({ ...scope, type: 'key-destroyed', keyId }, record);
  return type === 'done';
}
