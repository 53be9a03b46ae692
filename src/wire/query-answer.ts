import type { ErrorCode, KmsError } from '../errors.ts';
import type { ServiceName } from '../service.ts';
import { type Fault, xml } from './answer.ts';
import { statusOf } from './errors.ts';
import { element, escapeXml } from './xml.ts';

/** The services that speak AWS Query, by the version that a request names. */
const versions: Readonly<Record<string, ServiceName>> = { '2010-05-08': 'iam', '2011-06-15': 'sts' };

export function serviceOfVersion(version: string | undefined): ServiceName | undefined {
  return version !== undefined && Object.hasOwn(versions, version) ? versions[version] : undefined;
}

function namespace(service: ServiceName): string {
  return service === 'iam'
    ? 'https://iam.amazonaws.com/doc/2010-05-08/'
    : 'https://sts.amazonaws.com/doc/2011-06-15/';
}

/** An operation's answer. @param output `undefined` where the operation has none @throws TypeError where it can't be written */
export function queryAnswer(
  service: ServiceName,
  operation: string,
  output: unknown,
  requestId: string,
): string {
  const result = output === undefined ? '' : element(`${operation}Result`, output);
  return (
    `<${operation}Response xmlns="${namespace(service)}">${result}` +
    `<ResponseMetadata><RequestId>${escapeXml(requestId)}</RequestId></ResponseMetadata></${operation}Response>`
  );
}

/** Where AWS Query has another name or status for an error than AWS JSON's without `Exception` (IAM and STS API references, "Common errors"). */
const faults: Partial<Record<ErrorCode, { readonly code?: string; readonly status?: number }>> = {
  AccessDeniedException: { status: 403 },
  DependencyTimeoutException: { code: 'ServiceUnavailable', status: 503 },
  ExpiredTokenException: { status: 403 },
  InvalidSignatureException: { code: 'SignatureDoesNotMatch', status: 403 },
  LimitExceededException: { status: 409 },
  MissingAuthenticationTokenException: { status: 403 },
  SerializationException: { code: 'MalformedQueryString', status: 404 },
  UnknownOperationException: { code: 'InvalidAction' },
  UnrecognizedClientException: { code: 'InvalidClientTokenId', status: 403 },
  UnsupportedOperationException: { code: 'InvalidAction' },
  ValidationException: { code: 'ValidationError' },
};

function codeOf(code: ErrorCode, service: ServiceName): string {
  if (code === 'KMSInternalException') return service === 'iam' ? 'ServiceFailure' : 'InternalFailure';
  return faults[code]?.code ?? code.replace(/Exception$/, '');
}

/** As AWS Query writes an error. @param asked what the request named, for the message of what there isn't */
export function queryFault(
  error: KmsError,
  service: ServiceName,
  requestId: string,
  asked: { readonly action: string | undefined; readonly version: string | undefined },
): Fault {
  const status = faults[error.code]?.status ?? statusOf(error.code);
  const message =
    error.message === '' && error.code === 'UnknownOperationException'
      ? `Could not find operation ${asked.action ?? 'NO_OPERATION_SPECIFIED'} for version ${asked.version ?? 'NO_VERSION_SPECIFIED'}`
      : error.message;
  const detail = {
    Type: status < 500 ? 'Sender' : 'Receiver',
    Code: codeOf(error.code, service),
    Message: message,
  };
  const body =
    `<ErrorResponse xmlns="${namespace(service)}">${element('Error', detail)}` +
    `${element('RequestId', requestId)}</ErrorResponse>`;
  return { status, contentType: xml, body };
}
