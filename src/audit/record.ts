/** The services whose calls a trail records. */
export type EventSource = `${'kms' | 'iam' | 'sts' | 'cloudtrail'}.amazonaws.com`;

/** One CloudTrail-shaped record. See the CloudTrail user guide, "CloudTrail record contents". */
export interface AuditRecord {
  readonly eventVersion: '1.11';
  readonly userIdentity: UserIdentity;
  /** ISO 8601, UTC, to the second: `2026-01-31T23:59:59Z`. */
  readonly eventTime: string;
  readonly eventSource: EventSource;
  /** The operation's name. */
  readonly eventName: string;
  readonly awsRegion: string;
  readonly sourceIPAddress: string;
  readonly userAgent: string;
  /** Never plaintext, ciphertext or a secret; the encryption context always. */
  readonly requestParameters: unknown;
  readonly responseElements: unknown;
  readonly additionalEventData?: unknown;
  /** Of a service's own doing: what set it off and what came of it. */
  readonly serviceEventDetails?: unknown;
  readonly requestID: string;
  /** A UUID, unique in all trails: what makes a record count once. */
  readonly eventID: string;
  readonly readOnly: boolean;
  readonly resources: readonly {
    readonly accountId: string;
    /** AWS's name of the type: `AWS::KMS::Key`, `AWS::IAM::Role`. */
    readonly type: string;
    readonly ARN: string;
  }[];
  readonly eventType: 'AwsApiCall' | 'AwsServiceEvent';
  readonly managementEvent: true;
  readonly recipientAccountId: string;
  /** The same in the records of one request that two accounts are told of. */
  readonly sharedEventID?: string;
  readonly eventCategory: 'Management';
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** See the CloudTrail user guide, "CloudTrail userIdentity element". */
export interface UserIdentity {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole' | 'AWSService' | 'AWSAccount' | 'Unknown';
  readonly principalId?: string;
  readonly arn?: string;
  readonly accountId?: string;
  readonly accessKeyId?: string;
  readonly userName?: string;
  readonly invokedBy?: string;
  /** Of temporary credentials. */
  readonly sessionContext?: {
    /** The role that was assumed; none where a user or the root asked for a session of their own. */
    readonly sessionIssuer?: {
      readonly type: 'Role';
      readonly principalId: string;
      readonly arn: string;
      readonly accountId: string;
      readonly userName: string;
    };
    readonly attributes: {
      /** When the credentials were issued; as `eventTime`. */
      readonly creationDate: string;
      readonly mfaAuthenticated: 'false';
    };
  };
}

/** Where records go. */
export interface Trail {
  /**
   * Resolves when the record is durable. Rejects with a TrailError where it can't be made so, and then nothing of
   * the record counts; but where its code is `unknown` the disk hangs with the record, which may yet be durable.
   * Records appended while a flush is under way share the next one.
   */
  append(record: AuditRecord): Promise<void>;
  /** Whether the last flush succeeded: a change must not be begun while this is false. */
  readonly writable: boolean;
}
