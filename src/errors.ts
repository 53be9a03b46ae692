/**
 * Errors that a caller may see. The code is AWS's name for the mistake; it knows nothing of HTTP (the table
 * of statuses stands in wire/errors.ts).
 */
export type ErrorCode =
  | 'AccessDeniedException'
  | 'AlreadyExistsException'
  | 'ConcurrentModificationException'
  | 'ConflictException'
  | 'DeleteConflictException'
  | 'DependencyTimeoutException'
  | 'DisabledException'
  | 'DryRunOperationException'
  | 'EntityAlreadyExistsException'
  | 'ExpiredImportTokenException'
  | 'ExpiredTokenException'
  | 'IncompleteSignatureException'
  | 'IncorrectKeyException'
  | 'IncorrectKeyMaterialException'
  | 'InvalidAliasNameException'
  | 'InvalidArnException'
  | 'InvalidCiphertextException'
  | 'InvalidGrantIdException'
  | 'InvalidGrantTokenException'
  | 'InvalidImportTokenException'
  | 'InvalidInputException'
  | 'InvalidKeyUsageException'
  | 'InvalidLookupAttributesException'
  | 'InvalidMarkerException'
  | 'InvalidMaxResultsException'
  | 'InvalidNextTokenException'
  | 'InvalidParameterValueException'
  | 'InvalidSignatureException'
  | 'InvalidTimeRangeException'
  | 'KeyUnavailableException'
  | 'KMSInternalException'
  | 'KMSInvalidMacException'
  | 'KMSInvalidSignatureException'
  | 'KMSInvalidStateException'
  | 'LimitExceededException'
  | 'MalformedPolicyDocumentException'
  | 'MissingAuthenticationTokenException'
  | 'NoSuchEntityException'
  | 'NotFoundException'
  | 'PackedPolicyTooLargeException'
  | 'PolicyEvaluationException'
  | 'PolicyNotAttachableException'
  | 'RequestEntityTooLargeException'
  | 'RequestTimeoutException'
  | 'SerializationException'
  | 'TagException'
  | 'ThrottlingException'
  | 'UnknownOperationException'
  | 'UnmodifiableEntityException'
  | 'UnrecognizedClientException'
  | 'UnsupportedOperationException'
  | 'ValidationException';

export class KmsError extends Error {
  override readonly name = 'KmsError';
  readonly code: ErrorCode;
  /** For the log alone: never serialised into an answer. */
  readonly detail: string | undefined;

  /**
   * @param code AWS's name of the error
   * @param message what the caller reads; AWS's wording for the same mistake
   * @param options `detail` and `cause` go to the log and never into an answer
   */
  constructor(code: ErrorCode, message: string, options?: { detail?: string; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options?.detail;
  }
}
