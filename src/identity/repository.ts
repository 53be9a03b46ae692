import type { MaybePromise } from '../maybe-promise.ts';
import type { AccessKey } from './credential.ts';
import type { Directory } from './directory.ts';
import type { Identity } from './principal.ts';

/** What is asked of identities in every process: first what is on the way of every request. */
export interface IdentityRepository extends Directory {
  /** At once where it is cached, which spares the hot path a promise. */
  findAccessKey(accessKeyId: string): MaybePromise<AccessKey | undefined>;
  /** A user or role by its unique id, with its policies. At once where it is cached. */
  findIdentity(id: string): MaybePromise<Identity | undefined>;
  /**
   * The unique id of the user or role that an ARN names now, for what policies and grants name: `AIDA…`, `AROA…`,
   * of an assumed role `AROA…:<session>`.
   */
  findIdentityId(arn: string): Promise<string | undefined>;
  /** A managed policy's default version, AWS's own among them. At once where it is cached. */
  findManagedPolicy(arn: string): MaybePromise<string | undefined>;
  /** Whether there is such an account. @param account twelve digits */
  accountExists(account: string): Promise<boolean>;
}
