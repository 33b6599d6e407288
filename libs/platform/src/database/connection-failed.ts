/**
 * A connection could not be made, for whatever reason. The message has the reason for operators, `cause`
 * the error of pg.
 */
export class ConnectionFailed extends Error {
  override readonly name = 'ConnectionFailed';
}
