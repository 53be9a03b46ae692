import { KmsError } from '../../errors.ts';
import { type Page, page } from '../../page.ts';
import { readMarker, writeMarker } from '../marker.ts';

/** AWS's number of items where a request gives none. */
const usual = 100;

export interface PageInput {
  readonly MaxItems?: number | undefined;
  readonly Marker?: string | undefined;
}

/**
 * One page of a list as IAM answers it.
 * @param subject what is listed, besides the operation: it binds the marker
 */
export async function iamPage<T>(
  operation: string,
  subject: string,
  { MaxItems: limit = usual, Marker: marker }: PageInput,
  read: (range: { after: string | undefined; limit: number }) => Page<T> | Promise<Page<T>>,
): Promise<{ items: readonly T[]; rest: { IsTruncated: boolean; Marker?: string } }> {
  const after = marker === undefined ? undefined : place(operation, subject, marker);
  const { items, next } = await read({ after, limit });
  return {
    items,
    rest:
      next === undefined
        ? { IsTruncated: false }
        : { IsTruncated: true, Marker: writeMarker(operation, subject, next) },
  };
}

function place(operation: string, subject: string, marker: string): string {
  try {
    return readMarker(operation, subject, marker);
  } catch {
    throw invalidMarker();
  }
}

function invalidMarker(): KmsError {
  return new KmsError('ValidationException', 'Invalid Marker.');
}

/**
 * A place that is a number. Markers have no secret: whoever knows how they are made can name any.
 * @param end the places there are, from 0 on @throws KmsError ValidationException
 */
export function numberedPlace(place: string, end: number): number {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(place) || Number(place) >= end) throw invalidMarker();
  return Number(place);
}

/** A page of a list that is here as a whole, in the order of its names. */
export function shortPage<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  { after, limit }: { after: string | undefined; limit: number },
): Page<T> {
  const rest = after === undefined ? all : all.filter((item) => nameOf(item) > after);
  return page(rest.slice(0, limit + 1), limit, nameOf);
}
