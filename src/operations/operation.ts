import type { z } from 'zod';
import type { Scope } from '../arn.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import type { Principal } from '../identity/credential.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key, KeyUsage } from '../keys/key.ts';
import type { Change, ChangeWriter, KeyRepository } from '../keys/repository.ts';
import type { StateRule } from '../keys/state.ts';
import { parseInput } from './input.ts';
import type { OperationName } from './names.ts';

/** What an operation works with. */
export interface Services {
  readonly keys: KeyRepository;
  readonly hsm: Hsm;
  readonly changes: ChangeWriter;
  readonly clock: Clock;
}

/** Who asks, and in which region. */
export interface Caller {
  readonly principal: Principal;
  /** The caller's account, the region of the request's signature. */
  readonly scope: Scope;
}

/** One thing that a request touches, and the permission it needs on it. */
export type Subject =
  | {
      readonly type: 'key';
      readonly action: string;
      readonly key: Key;
      readonly rule: StateRule;
      /** The usage that the key must have. */
      readonly usage?: KeyUsage;
    }
  | { readonly type: 'alias'; readonly action: string; readonly arn: string; readonly account: string }
  /** The account as a whole. */
  | { readonly type: 'account'; readonly action: string };

export type Result =
  | { readonly type: 'answer'; readonly output?: object }
  /** The pipeline makes the change together with its record. */
  | {
      readonly type: 'change';
      readonly change: Change;
      readonly output?: object;
      /** For the trail; camel case, no secrets. */
      readonly responseElements?: object;
      /** For the trail, where they are known only now (a key just made). */
      readonly keys?: readonly Key[];
      /** What `exists` and `limit` mean for this operation. */
      readonly refused?: (type: 'exists' | 'limit') => KmsError;
    };

/** What a request comes to, before anything is done. */
export interface Plan {
  readonly subjects: readonly Subject[];
  /** What else must hold, known without doing anything: a dry run ends after it. @throws KmsError */
  validate?(): void;
  run(): Promise<Result> | Result;
}

export interface Prepared {
  /** The validated input. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
  /** Finds what the request touches. Called again where a change met a conflict. */
  plan(caller: Caller, services: Services): Promise<Plan> | Plan;
}

/** One action of the API. Authentication, authorization, state check, dry run, trail and metrics are the pipeline's. */
export interface Operation {
  readonly name: OperationName;
  /** As the trail's `readOnly`: whether nothing in the account changes. */
  readonly readOnly: boolean;
  /** @throws KmsError where the input is not what the service model says */
  prepare(raw: Record<string, unknown>): Prepared;
}

export function defineOperation<Input extends Record<string, unknown>>(definition: {
  name: OperationName;
  readOnly: boolean;
  input: z.ZodType<Input>;
  plan(input: Input, caller: Caller, services: Services): Promise<Plan> | Plan;
}): Operation {
  const { name, readOnly, input: schema } = definition;
  return {
    name,
    readOnly,
    prepare(raw) {
      const input = parseInput(name, schema, raw);
      if (Array.isArray(input.GrantTokens) && input.GrantTokens.length > 0) {
        // No grant exists: to pass over a token would be to pretend that it counted.
        throw new KmsError(
          'UnsupportedOperationException',
          `${name} does not support the member GrantTokens.`,
        );
      }
      return {
        input,
        dryRun: input.DryRun === true,
        plan: (caller, services) => definition.plan(input, caller, services),
      };
    },
  };
}
