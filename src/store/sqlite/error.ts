import { StoreError, type StoreErrorKind } from '../error.ts';

function kindOf(primary: number): StoreErrorKind {
  // https://www.sqlite.org/rescode.html: the low byte of an extended code is the primary one.
  switch (primary) {
    case 5:
    case 6:
      return 'locked';
    case 10:
    case 14:
      return 'io';
    case 11:
      return 'corrupt';
    case 13:
      return 'full';
    case 19:
      return 'constraint';
    case 26:
      return 'foreign';
    default:
      return 'internal';
  }
}

/** SQLite's numbered result code of an error of `node:sqlite`, or `undefined` where it has none. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

export function storeError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = resultCode(cause);
  if (code !== undefined)
    return new StoreError(kindOf(code & 0xff), `sqlite ${code}: ${String(cause)}`, { cause });
  return new StoreError('internal', String(cause), { cause });
}
