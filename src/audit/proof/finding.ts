/** Where a line stands. */
export interface Place {
  readonly slot: string;
  readonly segment: number;
  /** 1 for the first of the file. */
  readonly line: number;
}

/** A line, as far as it can be read. */
export interface Described extends Place {
  readonly sequence?: number;
  readonly eventId?: string;
  readonly time?: string;
}

/** Who signed that a line must be there. */
export interface Witness {
  readonly checkpoint: number;
  readonly time: string;
  /** Whether the trail has this checkpoint itself, or the anchor alone. */
  readonly from: 'trail' | 'anchor';
}

/** What is wrong with a stream: the first thing on its way. */
export type StreamFinding =
  /** `orNext`: the bytes don't tell whether it is this line or the one after. */
  | { readonly type: 'changed'; readonly at: Described; readonly orNext: boolean }
  | { readonly type: 'added'; readonly at: Described }
  /** A line that stands before one that was written earlier, or in another file than it was written to. */
  | { readonly type: 'reordered'; readonly at: Described }
  /** `at` is what follows the gap. */
  | { readonly type: 'dropped'; readonly at: Described; readonly first: number; readonly last: number }
  /** Changed, and all that follows hashed anew: the first change is among these lines. */
  | {
      readonly type: 'rewritten';
      readonly slot: string;
      readonly first: number;
      readonly last: number;
      readonly witness: Witness;
    }
  | {
      readonly type: 'cut-back';
      readonly slot: string;
      /** The last line there is. */
      readonly last: number;
      readonly signed: number;
      readonly witness: Witness;
    }
  | { readonly type: 'vanished'; readonly slot: string; readonly signed: number; readonly witness: Witness }
  /** A file that can't be taken for lines at all. */
  | { readonly type: 'unreadable'; readonly slot: string; readonly reason: string };

/** What is wrong with the checkpoints, or with what the anchor has of them. */
export type CheckpointFinding = {
  readonly type: 'checkpoint';
  readonly from: 'trail' | 'anchor';
  /** Of the file. */
  readonly line: number;
  readonly number: number | undefined;
} & (
  | { readonly why: 'unreadable' | 'signature' | 'store' | 'previous' | 'heads' | 'differs' }
  /** The one before has this number. */
  | { readonly why: 'dropped' | 'added'; readonly after: number }
);

export type Finding =
  | ({ readonly stream: string | undefined } & StreamFinding)
  | CheckpointFinding
  /** The trail's last checkpoint is older than the anchor's. */
  | { readonly type: 'checkpoints-cut-back'; readonly last: number; readonly anchor: number }
  /** Not one checkpoint is signed by the key. */
  | { readonly type: 'key'; readonly fingerprint: string }
  /** The key in the trail's folder is another than the one that was given. */
  | { readonly type: 'key-replaced'; readonly fingerprint: string }
  /** The checkpoints are gone, with what says that there were some. */
  | { readonly type: 'no-checkpoints' };
