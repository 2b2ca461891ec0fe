// Every verb, one line each. Parser, help and did-you-mean read this table; adding a command is a file and a line.
import { allow } from './allow.ts';
import { ask } from './ask.ts';
import { cancel } from './cancel.ts';
import { connect } from './connect.ts';
import { cost } from './cost.ts';
import { deny } from './deny.ts';
import { disconnect } from './disconnect.ts';
import { extend } from './extend.ts';
import { help } from './help.ts';
import { here } from './here.ts';
import { limit } from './limit.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { node } from './node.ts';
import { nodes } from './nodes.ts';
import { open } from './open.ts';
import { port } from './port.ts';
import { pr } from './pr.ts';
import { rename } from './rename.ts';
import { restart } from './restart.ts';
import { retry } from './retry.ts';
import { rm } from './rm.ts';
import { run } from './run.ts';
import type { Command } from './context.ts';
import { share } from './share.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { token } from './token.ts';
import { tokens } from './tokens.ts';
import { unshare } from './unshare.ts';
import { up } from './up.ts';
import { use } from './use.ts';
import { who } from './who.ts';

export const commands: readonly Command[] = [
  up,
  list,
  status,
  open,
  stop,
  start,
  restart,
  rm,
  rename,
  extend,
  logs,
  retry,
  who,
  nodes,
  node,
  cost,
  limit,
  ask,
  run,
  here,
  cancel,
  allow,
  deny,
  pr,
  port,
  use,
  share,
  unshare,
  connect,
  disconnect,
  token,
  tokens,
  help,
];
