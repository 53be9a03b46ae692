import { randomUUID } from 'node:crypto';
import { keyArn } from '../arn.ts';
import { recordApiCall } from '../audit/build.ts';
import type { Clock } from '../clock.ts';
import { type ReconcileParts, type Reconciliation, reconcile } from '../jobs/mend.ts';
import type { StoreWriter } from '../store/store.ts';
import type { ReconcileRequest } from './control.ts';

const command = 'coffer keys reconcile';

export interface ReconcileForParts extends Pick<ReconcileParts, 'changes' | 'hsm' | 'alone'> {
  readonly store: StoreWriter;
  readonly clock: Clock;
  /** The region that records name of what belongs to no key. */
  readonly region: string;
}

/** Compares, and mends where that is asked, in the name of an operator. */
export async function reconcileFor(
  { store, changes, hsm, clock, alone, region }: ReconcileForParts,
  { mend, operator }: ReconcileRequest,
): Promise<Reconciliation> {
  const [first] = await store.listAccounts();
  return reconcile(
    {
      store,
      changes,
      hsm,
      clock,
      alone,
      scope: { region, account: first?.account ?? '' },
      record: (scope, { mended, keyId, subjects }) =>
        recordApiCall(clock, {
          identity: { type: 'AWSService', invokedBy: command },
          operation: 'ReconcileKeys',
          ...scope,
          sourceIp: command,
          userAgent: command,
          requestId: randomUUID(),
          readOnly: false,
          parameters: { mended, ...(keyId !== undefined && { keyId }), subjects },
          additional: { operator },
          resources:
            keyId === undefined
              ? []
              : [{ accountId: scope.account, type: 'AWS::KMS::Key', ARN: keyArn(scope, keyId) }],
        }),
    },
    mend,
  );
}
