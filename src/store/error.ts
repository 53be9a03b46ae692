export type StoreErrorKind =
  /** Nothing changed; works again when there is space. */
  | 'full'
  /** The disk or the file system failed: nothing changed that is known of. */
  | 'io'
  /** Another process has the store open as its writer, or kept it busy for too long. */
  | 'locked'
  /** There is no such file, or its folder can't be used. */
  | 'missing'
  /** Not a store of Coffer's. */
  | 'foreign'
  /** Made by a newer Coffer than this. */
  | 'newer'
  /** Not yet migrated: the writer does that. */
  | 'older'
  /** What was asked for contradicts the schema, or an id is taken: nothing changed. */
  | 'constraint'
  /** The store contradicts itself. */
  | 'corrupt'
  | 'internal';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  /** @param message for the operator and the log: may name a file, never holds a secret */
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
