import { type ErrorCode, KmsError } from '../errors.ts';

/** HTTP's status of every error. AWS JSON 1.1 says 400 also where the SDK's model has 404, 409 or 412. */
const statuses: Record<ErrorCode, number> = {
  AccessDeniedException: 400,
  AlreadyExistsException: 400,
  ConcurrentModificationException: 409,
  ConflictException: 400,
  DeleteConflictException: 409,
  DependencyTimeoutException: 503,
  DisabledException: 400,
  DryRunOperationException: 400,
  EntityAlreadyExistsException: 409,
  ExpiredImportTokenException: 400,
  ExpiredTokenException: 400,
  IncompleteSignatureException: 400,
  IncorrectKeyException: 400,
  IncorrectKeyMaterialException: 400,
  InvalidAliasNameException: 400,
  InvalidArnException: 400,
  InvalidCiphertextException: 400,
  InvalidGrantIdException: 400,
  InvalidGrantTokenException: 400,
  InvalidImportTokenException: 400,
  InvalidInputException: 400,
  InvalidKeyUsageException: 400,
  InvalidLookupAttributesException: 400,
  InvalidMarkerException: 400,
  InvalidMaxResultsException: 400,
  InvalidNextTokenException: 400,
  InvalidParameterValueException: 400,
  InvalidSignatureException: 400,
  InvalidTimeRangeException: 400,
  KeyUnavailableException: 500,
  KMSInternalException: 500,
  KMSInvalidMacException: 400,
  KMSInvalidSignatureException: 400,
  KMSInvalidStateException: 400,
  LimitExceededException: 400,
  MalformedPolicyDocumentException: 400,
  MissingAuthenticationTokenException: 400,
  NoSuchEntityException: 404,
  NotFoundException: 400,
  PackedPolicyTooLargeException: 400,
  PolicyEvaluationException: 500,
  PolicyNotAttachableException: 400,
  RequestEntityTooLargeException: 413,
  RequestTimeoutException: 408,
  SerializationException: 400,
  TagException: 400,
  ThrottlingException: 400,
  UnknownOperationException: 400,
  UnmodifiableEntityException: 400,
  UnrecognizedClientException: 400,
  UnsupportedOperationException: 400,
  ValidationException: 400,
};

export function statusOf(code: ErrorCode): number {
  return statuses[code];
}

/** What of an error a caller reads. */
export function errorBody({ code, message }: KmsError): string {
  // AWS gives no message here: one would tell why a ciphertext was refused.
  return code === 'InvalidCiphertextException' || message === ''
    ? `{"__type":"${code}"}`
    : JSON.stringify({ __type: code, message });
}

/** An error for the caller: a KmsError as it is, anything else without any detail. */
export function publicError(error: unknown): KmsError {
  return error instanceof KmsError
    ? error
    : new KmsError(
        'KMSInternalException',
        'The request was rejected because an internal exception occurred.',
        {
          cause: error,
        },
      );
}
