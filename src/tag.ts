/** A tag on a key, a user or a role. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}
