import type { Scope } from '../arn.ts';
import type { StreamHead } from '../audit/checkpoint.ts';
import type { MaterialRef } from '../keys/hsm.ts';
import type { ChangeOutcome, ChangeRecord, Invalidation } from '../keys/repository.ts';
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
      readonly record: ChangeRecord;
    }
  /** Asks for a block of a material's count of encryptions. */
  | {
      readonly type: 'encryptions-wanted';
      readonly id: number;
      readonly material: Scope & MaterialRef;
      readonly encryptions: number;
    }
  /** The worker's caches have taken the change of this number. */
  | { readonly type: 'taken'; readonly sequence: number }
  /** The last durable line of the worker's stream, if there is one. */
  | { readonly type: 'head'; readonly id: number; readonly head: StreamHead | undefined }
  /** The worker's stream has begun another segment. */
  | { readonly type: 'rotated' }
  /** Hands over what was done last with keys: by itself now and then, or because the primary wants it. */
  | { readonly type: 'uses'; readonly id?: number; readonly uses: readonly KeyUse[] }
  /** Asks that the store have what every worker has taken note of. */
  | { readonly type: 'uses-asked'; readonly id: number }
  | { readonly type: 'metrics-asked'; readonly id: number }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: object[] };

/** From the primary to an API worker. */
export type PrimaryMessage =
  | { readonly type: 'change-outcome'; readonly id: number; readonly outcome: ChangeOutcome }
  | { readonly type: 'encryptions-reserved'; readonly id: number; readonly reserved: boolean }
  /** What was asked for in this message failed, and changed nothing. */
  | { readonly type: 'failed'; readonly id: number; readonly detail: string }
  | { readonly type: 'invalidation'; readonly invalidation: Invalidation }
  /** The worker may serve for a while after `at` (monotonic milliseconds of this machine). */
  | { readonly type: 'lease'; readonly at: number }
  | { readonly type: 'head-wanted'; readonly id: number }
  | { readonly type: 'uses-wanted'; readonly id: number }
  | { readonly type: 'uses-gathered'; readonly id: number }
  | { readonly type: 'metrics-wanted'; readonly id: number }
  | { readonly type: 'metrics-text'; readonly id: number; readonly text: string }
  | { readonly type: 'reload' }
  | { readonly type: 'close' };
