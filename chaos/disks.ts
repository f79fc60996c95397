import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderName, holdUntilExit } from './cleanup.ts'
import { runProgram, tryProgram } from './programs.ts'

/** A place for a data folder that can be taken down. */
export type Disk = {
  /** The data folder: below the mount, so that the server makes it itself. */
  folder: string
  mount: string
  /** Unmounts and removes everything. */
  close(): void
}

export type ImageDisk = Disk & {
  /** What was not synchronised is gone, and nothing can be written any more: the power is off. */
  cutPower(): void
  /** Mounts again, as after a boot. The server must be gone. */
  boot(): void
}

/** A folder of the system's own disk. */
export function plainFolder(): Disk {
  const mount = mkdtempSync(join(tmpdir(), folderName))
  const letGo = holdUntilExit(() => rmSync(mount, { recursive: true, force: true }))
  return {
    folder: join(mount, 'data'),
    mount,
    close() {
      rmSync(mount, { recursive: true, force: true })
      letGo()
    },
  }
}

/** ext4 rescues some programs that do not synchronise, by writing a renamed file at once and its journal every five seconds. Nobody may rely on that. */
const options = 'loop,noauto_da_alloc,commit=300'

/** A small ext4 in a file. The file lies in memory where there is room: only what happens between page cache and image is under test. */
export function imageDisk(mebibytes: number): ImageDisk {
  const place = mkdtempSync(join(roomyFolder(), folderName))
  const [image, mount] = [join(place, 'image'), join(place, 'mount')]
  const letGo = holdUntilExit(close)
  writeFileSync(image, '')
  truncateSync(image, mebibytes * 1024 * 1024)
  mkdirSync(mount)
  runProgram('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image)
  runProgram('mount', '-o', options, image, mount)
  function close(): void {
    unmount(mount)
    rmSync(place, { recursive: true, force: true })
    letGo()
  }
  return {
    folder: join(mount, 'data'),
    mount,
    close,
    cutPower: () => shutDown(mount),
    boot() {
      unmount(mount)
      runProgram('mount', '-o', options, image, mount)
    },
  }
}

/** A file system in memory that holds so much and no more. */
export function smallDisk(mebibytes: number): Disk {
  const mount = mkdtempSync(join(tmpdir(), folderName))
  const letGo = holdUntilExit(close)
  runProgram('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'holdfast-chaos', mount)
  function close(): void {
    unmount(mount)
    rmSync(mount, { recursive: true, force: true })
    letGo()
  }
  return { folder: join(mount, 'data'), mount, close }
}

/** Why file systems cannot be mounted here, or null. */
export function mountProblem(): string | null {
  if (process.platform !== 'linux') return `mounting is for Linux, and this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'mounting needs root (CAP_SYS_ADMIN)'
  return attempt(() => smallDisk(1).close())
}

/** Why power cannot be cut here, or null. */
export function powerProblem(): string | null {
  const problem = mountProblem()
  if (problem !== null) return problem
  if (tryProgram('mkfs.ext4', '-V').isAbsent) return 'mkfs.ext4 is absent (Debian package e2fsprogs)'
  if (shutDownTool() === undefined) return 'none of perl, python3, xfs_io is there to issue FS_IOC_SHUTDOWN (Debian: perl-base)'
  return attempt(() => {
    const disk = imageDisk(16)
    try {
      disk.cutPower()
      disk.boot()
    } finally {
      disk.close()
    }
  })
}

function attempt(work: () => void): string | null {
  try {
    work()
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** FS_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. Node has no ioctl, and perl is in every Debian. */
const shutDownTools: readonly (readonly [string, (mount: string) => string[]])[] = [
  [
    'perl',
    (mount) => ['-e', 'open(my $d, "<", $ARGV[0]) or die $!; my $f = pack("L", 2); defined(ioctl($d, 0x8004587d, $f)) or die $!', mount],
  ],
  [
    'python3',
    (mount) => ['-c', 'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))', mount],
  ],
  ['xfs_io', (mount) => ['-x', '-c', 'shutdown', mount]],
]

const shutDownTool = () => shutDownTools.find(([program]) => !tryProgram(program, '-V').isAbsent)

function shutDown(mount: string): void {
  const [program, args] = shutDownTool() ?? []
  if (program === undefined || args === undefined) throw new Error('There is no program to issue FS_IOC_SHUTDOWN')
  runProgram(program, ...args(mount))
}

function unmount(mount: string): void {
  if (!isMounted(mount)) return
  for (let tries = 0; tries < 50; tries++) {
    if (tryProgram('umount', mount).isDone) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
  runProgram('umount', '-l', mount)
}

const isMounted = (mount: string): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${mount} `)

function roomyFolder(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  try {
    accessSync(memory, constants.W_OK)
    return memory
  } catch {
    return tmpdir()
  }
}
