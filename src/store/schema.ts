import type { Generated } from 'kysely';
import type {
  ImportState,
  KeyOrigin,
  KeySpec,
  KeyState,
  KeyUsage,
  PendingMaterialState,
  RotationType,
} from '../keys/key.ts';
import type { WrappingAlgorithm } from '../keys/spec/wrapping.ts';
import type { WrappingKeyState } from '../keys/wrapping-key.ts';

/** Every time is in milliseconds since the epoch. */
export interface Schema {
  meta: MetaTable;
  accounts: AccountsTable;
  identities: IdentitiesTable;
  memberships: MembershipsTable;
  inline_policies: InlinePoliciesTable;
  managed_policies: ManagedPoliciesTable;
  policy_versions: PolicyVersionsTable;
  attachments: AttachmentsTable;
  access_keys: AccessKeysTable;
  keys: KeysTable;
  materials: MaterialsTable;
  wrapping_keys: WrappingKeysTable;
  aliases: AliasesTable;
  tags: TagsTable;
  grants: GrantsTable;
  last_uses: LastUsesTable;
  outbox: OutboxTable;
}

/** One row. */
interface MetaTable {
  id: 1;
  /** 32 hex digits, drawn once: the token's canary names them. */
  store_id: string;
  /** Grows by one with every change. */
  change_sequence: number;
  /** Leased so far, of all materials that ever were. */
  encryptions: Generated<number>;
  /** When last uses were first kept. */
  uses_since: Generated<number>;
}

interface AccountsTable {
  account: string;
  name: string;
  created_at: number;
}

interface IdentitiesTable {
  /** `AIDA…`, `AGPA…`, `AROA…`, or of a root the account's number. */
  id: string;
  account: string;
  type: 'Root' | 'User' | 'Group' | 'Role';
  /** Empty for a root. */
  name: string;
  /** The name in lower case. */
  name_key: string;
  path: string;
  arn: string;
  created_at: number;
  /** The ARN of a managed policy. */
  boundary: string | null;
  /** JSON: they are always read whole. */
  tags: string;
  /** Of a role, as `max_session_duration`. */
  trust_policy: string | null;
  description: string | null;
  /** Seconds. */
  max_session_duration: number | null;
}

interface MembershipsTable {
  user_id: string;
  group_id: string;
}

interface InlinePoliciesTable {
  identity_id: string;
  name: string;
  document: string;
}

interface ManagedPoliciesTable {
  /** `ANPA…`. */
  id: string;
  account: string;
  name: string;
  /** The name in lower case. */
  name_key: string;
  path: string;
  arn: string;
  description: string | null;
  default_version: number;
  /** The highest number a version has had. */
  last_version: number;
  created_at: number;
  updated_at: number;
  /** JSON. */
  tags: string;
}

interface PolicyVersionsTable {
  policy_id: string;
  version: number;
  document: string;
  created_at: number;
}

interface AttachmentsTable {
  identity_id: string;
  /** Of a managed policy of the same account, or one of AWS's own, which have no row. */
  policy_arn: string;
}

interface AccessKeysTable {
  access_key_id: string;
  /** Of a user or a root. */
  principal_id: string;
  sealed_secret: Uint8Array;
  active: 0 | 1;
  created_at: number;
}

interface KeysTable {
  region: string;
  account: string;
  key_id: string;
  state: KeyState;
  description: string;
  key_spec: KeySpec;
  key_usage: KeyUsage;
  origin: KeyOrigin;
  created_at: number;
  deletion_date: number | null;
  /** Null is for keys that wait for their import. */
  current_material_id: string | null;
  /** Null is for the default policy. */
  policy: string | null;
  /** How many grants the key has: counting them would take longer the more there are. */
  grant_count: Generated<number>;
  /** Days; null where the key doesn't rotate by itself. */
  rotation_period: number | null;
  /** Null where the key doesn't rotate by itself. */
  next_rotation: number | null;
  /** Of a pair, once it is made: SubjectPublicKeyInfo in DER. */
  public_key: Uint8Array | null;
  /** JSON: algorithms of the spec that its token can't do. Null where it can do all. */
  lacking: string | null;
}

interface MaterialsTable {
  region: string;
  account: string;
  key_id: string;
  /** 0 is the oldest. */
  generation: number;
  material_id: string;
  key_material_id: string;
  created_at: number;
  state: Generated<MaterialState>;
  /** Null is for the first of a key. */
  rotation_type: RotationType | null;
  /** When it became the current one; null where it never did by a rotation. */
  rotated_at: number | null;
  /** How often it may have encrypted: what has been leased. */
  encryptions: Generated<number>;
  /** Null is for material that the token made, here and in the next three. */
  import_state: ImportState | null;
  fingerprint: string | null;
  /** When imported material expires; null where it doesn't, or isn't there. */
  valid_to: number | null;
  description: string | null;
}

interface WrappingKeysTable {
  region: string;
  account: string;
  wrapping_id: string;
  key_id: string;
  state: WrappingKeyState;
  algorithm: WrappingAlgorithm;
  created_at: number;
  valid_to: number;
}

/** `Ready` materials are the key's: they decrypt, and one of them encrypts. */
export type MaterialState = 'Ready' | PendingMaterialState;

interface AliasesTable {
  region: string;
  account: string;
  alias_name: string;
  target_key_id: string;
  created_at: number;
  updated_at: number;
}

interface TagsTable {
  region: string;
  account: string;
  key_id: string;
  tag_key: string;
  tag_value: string;
}

interface GrantsTable {
  region: string;
  account: string;
  key_id: string;
  grant_id: string;
  name: string | null;
  grantee_id: string;
  retiring_id: string | null;
  /** JSON, a list of names. */
  operations: string;
  /** JSON, as `Grant.constraints`. */
  constraints: string;
  issuing_account: string;
  created_at: number;
  /** Null is for a grant without a name, which is like no other. */
  fingerprint: string | null;
  /** As `GrantIndex.anchor`. */
  anchor: string;
  describes: 0 | 1;
}

interface LastUsesTable {
  region: string;
  account: string;
  key_id: string;
  operation: string;
  used_at: number;
  /** Of the trail's record. */
  event_id: string;
  request_id: string;
}

interface OutboxTable {
  id: Generated<number>;
  event_id: string;
  /** JSON. */
  record: string;
  created_at: number;
}
