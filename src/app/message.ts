import type { AuditRecord } from '../audit/record.ts';
import type { ChangeOutcome, Invalidation } from '../keys/repository.ts';
import type { KeyUse } from '../keys/uses.ts';
import type { Change } from '../store/store.ts';

/** What the processes of a node say to each other. */

/** From an API worker to the primary. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly url: string }
  | {
      readonly type: 'change';
      readonly id: number;
      readonly change: Change;
      readonly record: AuditRecord | undefined;
    }
  /** The worker's caches have taken the change of this number. */
  | { readonly type: 'taken'; readonly sequence: number }
  /** Hands over what was done last with keys: by itself now and then, or because the primary wants it. */
  | { readonly type: 'uses'; readonly id?: number; readonly uses: readonly KeyUse[] }
  /** Asks that the store have what every worker has taken note of. */
  | { readonly type: 'uses-asked'; readonly id: number }
  | { readonly type: 'metrics-asked'; readonly id: number }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: object[] };

/** From the primary to an API worker. */
export type PrimaryMessage =
  | { readonly type: 'change-outcome'; readonly id: number; readonly outcome: ChangeOutcome }
  | { readonly type: 'change-failed'; readonly id: number; readonly detail: string }
  | { readonly type: 'invalidation'; readonly invalidation: Invalidation }
  /** The worker may serve for a while after `at` (monotonic milliseconds of this machine). */
  | { readonly type: 'lease'; readonly at: number }
  | { readonly type: 'uses-wanted'; readonly id: number }
  | { readonly type: 'uses-gathered'; readonly id: number }
  | { readonly type: 'metrics-wanted'; readonly id: number }
  | { readonly type: 'metrics-text'; readonly id: number; readonly text: string }
  | { readonly type: 'reload' }
  | { readonly type: 'close' };
