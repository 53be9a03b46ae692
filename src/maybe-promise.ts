/** To be awaited, or looked at first: it may be there already, which spares the hot path a promise. */
export type MaybePromise<T> = T | Promise<T>;
