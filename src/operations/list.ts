import type { Page } from '../page.ts';
import { readMarker, writeMarker } from './marker.ts';
import type { OperationName } from './names.ts';

/**
 * One page of a list as the API answers it.
 * @param subject what is listed, besides the operation: it binds the marker
 */
export async function listPage<T>(
  operation: OperationName,
  subject: string,
  marker: string | undefined,
  read: (after: string | undefined) => Promise<Page<T>>,
): Promise<{ items: readonly T[]; rest: { Truncated: boolean; NextMarker?: string } }> {
  const { items, next } = await read(
    marker === undefined ? undefined : readMarker(operation, subject, marker),
  );
  return {
    items,
    rest:
      next === undefined
        ? { Truncated: false }
        : { NextMarker: writeMarker(operation, subject, next), Truncated: true },
  };
}
