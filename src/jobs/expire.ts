import { keyArn } from '../arn.ts';
import { recordServiceEvent } from '../audit/build.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import { abandonMaterial } from '../keys/abandon.ts';
import { type Hsm, HsmError } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import { materialsInToken } from '../keys/material.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import { allowedStates } from '../keys/state.ts';
import { endWrappingKey, type WrappingKey } from '../keys/wrapping-key.ts';
import type { DueTime } from './due.ts';

/** Of each run: when thousands expire together, nobody else waits for all of them. */
const perRun = 100;
/** An import that began in time may still unwrap. */
const graceMilliseconds = 600_000;
/** How long an import token is known as one that has expired: after that it is none. */
const rememberedMilliseconds = 7 * 86_400_000;

export interface ExpireJob {
  readonly store: {
    dueForExpiry(
      now: number,
      limit: number,
    ): Promise<readonly { readonly key: Key; readonly materialId: string; readonly validTo: number }[]>;
    wrappingKeys(): Promise<readonly WrappingKey[]>;
    destroyedWrappingKeys(validTo: number, limit: number): Promise<readonly WrappingKey[]>;
  };
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
  readonly due: DueTime;
  /** Whether to stop after the one in hand. */
  readonly ending?: () => boolean;
}

export interface Expirations {
  readonly expired: readonly { readonly keyId: string; readonly keyMaterialId: string | undefined }[];
  /** Objects that could not be destroyed: nobody uses them any more, and they are tried again. */
  readonly failures: readonly { readonly keyId: string; readonly cause: unknown }[];
}

/**
 * Deletes imported material that has expired: the change that ends it is recorded with it, and only where its date is
 * still the one that was reached, so that each is deleted once however many processes do this; then its object goes.
 *
 * Time is `DueTime`'s, but nothing is held that expired while nobody watched: who set the date wants the material gone
 * by then, and may import it again.
 */
export async function expireMaterials(job: ExpireJob): Promise<Expirations> {
  const { store, changes, hsm, clock, due } = job;
  const expired: { keyId: string; keyMaterialId: string | undefined }[] = [];
  const failures: { keyId: string; cause: unknown }[] = [];
  for (const { key, materialId, validTo } of await store.dueForExpiry(due.now(), perRun)) {
    if (job.ending?.()) break;
    const { region, account, keyId } = key;
    const keyMaterialId = materialsInToken(key).find((one) => one.materialId === materialId)?.keyMaterialId;
    const { type } = await changes.apply(
      {
        region,
        account,
        type: 'material-deleting',
        keyId,
        from: allowedStates('look'),
        materialId,
        expired: validTo,
      },
      recordExpiry(clock, key, keyMaterialId),
    );
    if (type !== 'done') continue;
    expired.push({ keyId, keyMaterialId });
    // Where this fails, the next run of the job that clears up does it (reconcile.ts).
    await abandonMaterial(key, materialId, changes, hsm).catch((cause: unknown) =>
      failures.push({ keyId, cause }),
    );
  }
  return { expired, failures };
}

/** As CloudTrail shows it (AWS KMS developer guide, "DeleteExpiredKeyMaterial" log entry). */
function recordExpiry(clock: Clock, key: Key, keyMaterialId: string | undefined): AuditRecord {
  const { region, account, keyId } = key;
  return recordServiceEvent(clock, {
    name: 'DeleteExpiredKeyMaterial',
    region,
    account,
    resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: keyArn(key, keyId) }],
    details: { keyId, keyMaterialId },
  });
}

/**
 * Takes wrapping keys out of the token whose import token has expired, and those that are going.
 * @returns how many, and why others weren't
 */
export async function endWrappingKeys(
  job: ExpireJob,
): Promise<{ ended: number; failures: readonly { readonly keyId: string; readonly cause: unknown }[] }> {
  const { store, changes, hsm, due } = job;
  const now = due.now();
  let ended = 0;
  const failures: { keyId: string; cause: unknown }[] = [];
  for (const wrappingKey of await store.wrappingKeys()) {
    if (job.ending?.()) break;
    if (!isOver(wrappingKey, now)) continue;
    try {
      if (await endWrappingKey(wrappingKey, changes, hsm)) ended += 1;
    } catch (cause) {
      failures.push({ keyId: wrappingKey.keyId, cause });
      // Without a token the next would only wait as long again.
      if (cause instanceof HsmError && (cause.kind === 'unavailable' || cause.kind === 'timeout')) break;
    }
  }
  for (const { region, account, wrappingId } of await store.destroyedWrappingKeys(
    now - rememberedMilliseconds,
    perRun,
  )) {
    await changes.apply({ region, account, type: 'wrapping-key-forgotten', wrappingId }, undefined);
  }
  return { ended, failures };
}

function isOver({ state, createdAt, validTo }: WrappingKey, now: number): boolean {
  switch (state) {
    case 'Creating':
      // Longer than any deadline on the way: nobody makes it any more.
      return now >= createdAt + graceMilliseconds;
    case 'Ready':
      return now >= validTo + graceMilliseconds;
    case 'Destroying':
      return true;
    case 'Destroyed':
      return false;
  }
}
