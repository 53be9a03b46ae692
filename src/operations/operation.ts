import type { z } from 'zod';
import type { Scope } from '../arn.ts';
import type { Lookup } from '../audit/lookup.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import type { IdentityChange } from '../identity/change.ts';
import type { Principal } from '../identity/principal.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { Encryptions } from '../keys/encryptions.ts';
import type { GrantTerms } from '../keys/grant.ts';
import { readGrantToken } from '../keys/grant-token.ts';
import type { Retirement } from '../keys/grant-verdict.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key, KeyUsage } from '../keys/key.ts';
import type { ChangeWriter, KeyChange, KeyRepository, Refusal } from '../keys/repository.ts';
import type { StateRule } from '../keys/state.ts';
import type { KeyUses } from '../keys/uses.ts';
import type { ServiceName } from '../service.ts';
import type { Tag } from '../tag.ts';
import { parseInput } from './input.ts';

/** All that operations change. */
export type Change = KeyChange | IdentityChange;

/** What an operation works with. */
export interface Services {
  readonly keys: KeyRepository;
  readonly identities: IdentityRepository;
  readonly hsm: Hsm;
  readonly changes: ChangeWriter<Change>;
  /** What the trail holds. */
  readonly events: Pick<Lookup, 'lookupEvents'>;
  /** Where requests may be signed for: the region that is served, and the one of services that are of none. */
  readonly regions: readonly string[];
  readonly encryptions: Encryptions;
  readonly uses: KeyUses;
  readonly clock: Clock;
}

/** Who asks, from where, and in which region. */
export interface Caller {
  readonly principal: Principal;
  /** The caller's account, the region of the request's signature. */
  readonly scope: Scope;
  readonly accessKeyId: string;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** Whether the request came over TLS. */
  readonly secure: boolean;
  /** Well-formed, and no more is known of them; an operation without the member has none. */
  readonly grantTokens: readonly string[];
}

/**
 * What a request says that conditions of policies ask for, by lower-case name (`kms:encryptionalgorithm`); the
 * caller, the key and the clock are known without it.
 */
export interface Facts {
  readonly [name: string]: string | readonly string[] | typeof ambiguous | undefined;
}

/** The request says it more than once, in names that differ in case alone: whatever asks for it can't be decided. */
export const ambiguous = Symbol('ambiguous');

/** One thing that a request touches, and the permission it needs on it. */
export type Subject = {
  /** For example `kms:Encrypt`. */
  readonly action: string;
  readonly facts?: Facts;
} & (
  | {
      readonly type: 'key';
      readonly key: Key;
      readonly rule: StateRule;
      /** The usage that the key must have. */
      readonly usage?: KeyUsage;
      /** `kms:EncryptionContext:…` and the grants that are bound to it. */
      readonly encryptionContext?: Readonly<Record<string, string>> | undefined;
      /** The alias by which the request names the key. */
      readonly requestAlias?: string | undefined;
      /** The key was found by a ciphertext, and the request doesn't name it. */
      readonly unnamed?: boolean;
      /** CreateGrant: what it would give, which is all that a grant may let a grantee give. */
      readonly newGrant?: GrantTerms;
      /** RetireGrant: what the grant says of the caller, and the key policy has no say. */
      readonly retirement?: Retirement;
    }
  | { readonly type: 'alias'; readonly arn: string; readonly account: string }
  /** The account as a whole. */
  | { readonly type: 'account' }
  /** Anything else that has an ARN: a user, a role. */
  | {
      readonly type: 'resource';
      readonly arn: string;
      readonly account: string;
      /** As the trail names it: `AWS::IAM::User`. */
      readonly resourceType: string;
      readonly tags?: readonly Tag[];
      /** A role's trust policy, where that has a say (sts:AssumeRole). */
      readonly trustPolicy?: string;
    }
);

export type Result =
  | {
      readonly type: 'answer';
      readonly output?: object;
      /** For the trail; camel case, no secrets. What only looks needs none. */
      readonly responseElements?: object;
      /** What else CloudTrail tells of such a request, as it writes it. */
      readonly additional?: object;
    }
  /** What was read is no longer so: the request is planned again. */
  | { readonly type: 'conflict' }
  /** The pipeline makes the change together with its record. */
  | {
      readonly type: 'change';
      readonly change: Change;
      readonly output?: object;
      /** For the trail; camel case, no secrets. */
      readonly responseElements?: object;
      /** For the trail, where they are known only now (a key just made). */
      readonly keys?: readonly Key[];
      /** For the trail's `additionalEventData`: what the API has no member for. */
      readonly additional?: Readonly<Record<string, string>>;
      /** What the trail tells of the change besides: what the service did because of the request. */
      readonly events?: readonly AuditRecord[];
      /** Takes back what was prepared, where the change was not made. */
      undo?(): Promise<unknown>;
      /** What is left to do when the change is made: whether it is done or not changes no answer, a job sees to it too. */
      readonly afterwards?: () => Promise<unknown>;
      /** What a refusal of the store means for this operation. */
      readonly refused?: (refusal: Refusal) => KmsError;
    };

/** What a request comes to, before anything is done. */
export interface Plan {
  readonly subjects: readonly Subject[];
  /**
   * What else the request names and isn't there. It is told after the permission on the subjects, as a refusal of it
   * would be if it were there, so that the order doesn't say which of both it is.
   */
  readonly absent?: KmsError;
  /** What else must hold, known without doing anything: a dry run ends after it. @throws KmsError */
  validate?(): void;
  run(): Promise<Result> | Result;
}

export interface Prepared {
  /** The validated input. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
  readonly grantTokens: readonly string[];
  /** Finds what the request touches. Called again where a change met a conflict. */
  plan(caller: Caller, services: Services): Promise<Plan> | Plan;
}

/** One action of the API. Authentication, authorization, state check, dry run, trail and metrics are the pipeline's. */
export interface Operation {
  readonly service: ServiceName;
  readonly name: string;
  /** As the trail's `readOnly`: whether nothing in the account changes. */
  readonly readOnly: boolean;
  /** @throws KmsError where the input is not what the service model says */
  prepare(raw: Record<string, unknown>): Prepared;
}

export function defineOperation<Input extends Record<string, unknown>>(definition: {
  /** KMS where it isn't said. */
  service?: ServiceName;
  name: string;
  readOnly: boolean;
  input: z.ZodType<Input>;
  plan(input: Input, caller: Caller, services: Services): Promise<Plan> | Plan;
}): Operation {
  const { service = 'kms', name, readOnly, input: schema } = definition;
  return {
    service,
    name,
    readOnly,
    prepare(raw) {
      const input = parseInput(name, schema, raw);
      return {
        input,
        dryRun: input.DryRun === true,
        grantTokens: grantTokensOf(input.GrantTokens),
        plan: (caller, services) => definition.plan(input, caller, services),
      };
    },
  };
}

const none: readonly string[] = [];

/** @throws KmsError InvalidGrantTokenException */
function grantTokensOf(member: unknown): readonly string[] {
  if (!Array.isArray(member) || member.length === 0) return none;
  for (const token of member) {
    if (readGrantToken(token) === undefined) throw invalidGrantToken();
  }
  return member;
}

export function invalidGrantToken(): KmsError {
  return new KmsError('InvalidGrantTokenException', 'The grant token is not valid.');
}
