import type { Span } from './json.ts';

/** What a document is for decides which elements it must and may not have. */
export type PolicyKind = 'key' | 'trust' | 'identity' | 'session' | 'boundary';

/** Of the policy language. Without one it is the older, which has no variables. */
export type PolicyVersion = '2008-10-17' | '2012-10-17';

/** One value may stand alone or in a list; a document keeps which. */
export type Values = string | readonly string[];

export interface PolicyDocument {
  readonly version: PolicyVersion | undefined;
  readonly id: string | undefined;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  readonly principal: PrincipalElement | undefined;
  /** `negated`: NotAction. */
  readonly action: { readonly negated: boolean; readonly values: Values };
  /** `negated`: NotResource. */
  readonly resource: { readonly negated: boolean; readonly values: Values } | undefined;
  /** Each operator with each of its keys, in the document's order; all of them must hold. */
  readonly conditions: readonly Condition[];
  /** Where the statement stands in the text that was parsed. */
  readonly span: Span;
}

export const principalTypes = ['AWS', 'Service', 'Federated', 'CanonicalUser'] as const;
export type PrincipalType = (typeof principalTypes)[number];

export interface PrincipalElement {
  /** NotPrincipal. */
  readonly negated: boolean;
  readonly principals: '*' | Readonly<Partial<Record<PrincipalType, Values>>>;
}

export interface Condition {
  /** For example `ForAllValues:StringLikeIfExists`. */
  readonly operator: string;
  /** As written; names of condition keys know no case. */
  readonly key: string;
  readonly values: Values;
}

export function list(values: Values): readonly string[] {
  return typeof values === 'string' ? [values] : values;
}

/** Variables came with the version 2012-10-17; before it `${…}` is plain text. */
export function hasVariables(document: PolicyDocument): boolean {
  return document.version === '2012-10-17';
}
