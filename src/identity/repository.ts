import type { MaybePromise } from '../maybe-promise.ts';
import type { AccessKey } from './credential.ts';
import type { Identity } from './principal.ts';

/** What the way of a request asks of identities, in every process. */
export interface IdentityRepository {
  /** At once where it is cached, which spares the hot path a promise. */
  findAccessKey(accessKeyId: string): MaybePromise<AccessKey | undefined>;
  /** A user or role by its unique id, with its policies. At once where it is cached. */
  findIdentity(id: string): MaybePromise<Identity | undefined>;
  /** The unique id of the user or role that an ARN names now; for what policies and grants name. */
  findIdentityId(arn: string): Promise<string | undefined>;
  /** A managed policy's default version, AWS's own among them. At once where it is cached. */
  findManagedPolicy(arn: string): MaybePromise<string | undefined>;
  /** Whether there is such an account. @param account twelve digits */
  accountExists(account: string): Promise<boolean>;
}
