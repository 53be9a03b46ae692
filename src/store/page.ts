import type { Page } from '../keys/repository.ts';

/** @param found up to one more than `limit`, which only says that there is more */
export function page<T>(found: readonly T[], limit: number, nameOf: (item: T) => string): Page<T> {
  if (found.length <= limit) return { items: found, next: undefined };
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined ? undefined : nameOf(last) };
}
