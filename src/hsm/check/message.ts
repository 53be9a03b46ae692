/** What passes between `coffer hsm check` and the process that loads the library: one message down, lines of JSON up. */
import type {
  Attributes,
  ImportWay,
  KeyFinding,
  Latency,
  LibraryFacts,
  Mechanism,
  Rule,
  TokenFacts,
} from './report.ts';

/** All that a check needs besides the PIN. */
export interface CheckOptions {
  readonly module: string;
  readonly label?: string | undefined;
  readonly serial?: string | undefined;
  readonly libraryParameters?: string | undefined;
  /** Whether a host may take OAEP's padding off (token.hostOaep). */
  readonly hostOaep: boolean;
  /** What an ordinary step may take; longer ones take a multiple. */
  readonly deadlineMilliseconds: number;
  /** Steps that are not to be done again. */
  readonly done: readonly string[];
  /** As an earlier process found them; none before that. */
  readonly attributes?: Attributes | undefined;
}

/** What a step found. */
export type Result =
  | { readonly type: 'token'; readonly token: TokenFacts; readonly library: LibraryFacts }
  | { readonly type: 'leftovers'; readonly count: number }
  | { readonly type: 'attributes'; readonly attributes: Attributes }
  | { readonly type: 'mechanisms'; readonly mechanisms: readonly Mechanism[] }
  /** That a mechanism did, or didn't do, what Coffer does with it. */
  | { readonly type: 'evidence'; readonly number: number; readonly works: boolean; readonly problem?: string }
  | { readonly type: 'key'; readonly key: KeyFinding }
  | { readonly type: 'import'; readonly way: ImportWay }
  | { readonly type: 'rule'; readonly rule: Rule }
  | { readonly type: 'latency'; readonly latency: Latency };

export type CheckMessage =
  | {
      readonly type: 'begin';
      readonly step: string;
      /** After so long it is taken to hang. */
      readonly milliseconds: number;
      /** What is to be told of it where it never ends; the reason is put in. */
      readonly lost: readonly Result[];
    }
  | { readonly type: 'end'; readonly step: string; readonly results: readonly Result[] }
  /** The PIN is being tried: an end from here to `logged-in` may have been one. */
  | { readonly type: 'login' }
  | { readonly type: 'logged-in' }
  /** The check can't be made: says why, and what to do. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'finished' };

/** The descriptor of the pipe up. */
export const checkPipe = 3;
/** The step before which nothing can be checked. */
export const openStep = 'open the token';

/** The result of a step that never ended. */
export function lostResult(result: Result, reason: string): Result {
  switch (result.type) {
    case 'rule':
      return { ...result, rule: { ...result.rule, verdict: 'fail', detail: reason } };
    case 'key':
      return { ...result, key: { ...result.key, problem: reason } };
    case 'evidence':
      return { ...result, works: false, problem: reason };
    case 'import':
    case 'token':
    case 'leftovers':
    case 'attributes':
    case 'mechanisms':
    case 'latency':
      return result;
    default:
      return result satisfies never;
  }
}
