/**
 * The devices of a standard PC, wired together: once as those of the physical computer, and once more
 * for every virtual machine whose devices the hypervisor emulates.
 */
import { MmioSpace } from "../bus/mmioSpace";
import { PortSpace } from "../bus/portSpace";
import type { Clock, DeviceOutput, InterruptLine } from "../bus/types";
import { A20Port, PORTS as A20_PORTS, type A20State } from "./a20/device";
import { A20Gate } from "./a20/gate";
import { Bios, DEFAULT_BOOT_DRIVE, PORTS as BIOS_PORTS, type BiosState } from "./bios/device";
import { NO_MEMORY, type FirmwareMemory } from "./bios/memory";
import { CmosRtc, PORTS as CMOS_PORTS, type CmosState } from "./cmosRtc/device";
import { DebugConsole, PORTS as DEBUG_CONSOLE_PORTS } from "./debugConsole/device";
import { DebugExit, PORTS as DEBUG_EXIT_PORTS } from "./debugExit/device";
import { runFirmware } from "./firmware";
import { FwCfg, PORTS as FW_CFG_PORTS, type FwCfgState } from "./fwCfg/device";
import {
  Keyboard8042,
  PORTS as KEYBOARD_PORTS,
  type Keyboard8042State,
} from "./keyboard8042/device";
import { LocalApic, type LocalApicState } from "./localApic/device";
import type { TimeStampCounter } from "./localApic/timer";
import { Pic8259, PORTS as PIC_PORTS, type PicState } from "./pic8259/device";
import { Pit8254, PORTS as PIT_PORTS, type PitState } from "./pit8254/device";
import { PORTS as SERIAL_PORTS, Serial16550, type SerialState } from "./serial16550/device";
import {
  MEMORY as VGA_MEMORY,
  PORTS as VGA_PORTS,
  VgaText,
  type VgaTextState,
} from "./vgaText/device";
import type { TextScreen } from "./vgaText/device";

/** Interrupt request lines of the PC/AT. */
export const IRQ = { TIMER: 0, KEYBOARD: 1, SERIAL: 4, CLOCK: 8, AUXILIARY: 12 } as const;

export interface StandardPcConfig {
  readonly clock: Clock;
  readonly output: DeviceOutput;
  /** The processor's INTR pin. */
  readonly intr: InterruptLine;
  readonly memorySizeBytes: number;
  /** The processor's local APIC, between the 8259 and the INTR pin; without it the processor has none. */
  readonly localApic?: LocalApicFacts;
  /** The processor's A20M# pin: true while address bit 20 passes, which it does at power-on. */
  readonly a20?: InterruptLine;
  /** Prefix of all alarm names, for several computers on one clock: "vm1.". */
  readonly alarmPrefix?: string;
  /** Guest-physical memory, for the BIOS's services; without it they find nothing. */
  readonly memory?: FirmwareMemory;
  /** The disk that the BIOS boots from. */
  readonly disk?: Uint8Array;
  /** The BIOS's number of that disk, in DL. */
  readonly bootDrive?: number;
  /** A program asked the BIOS for something that is not there. */
  readonly notice?: (text: string) => void;
  /** False leaves the devices as power-on does; by default firmware has run (see firmware.ts). */
  readonly firmware?: boolean;
}

/** What the local APIC needs of its processor. */
export interface LocalApicFacts {
  readonly nmi: () => void;
  readonly tsc: TimeStampCounter;
  readonly hasTscDeadline: boolean;
  /** IA32_APIC_BASE was written. */
  readonly baseChanged?: () => void;
}

/** Plain data; due times of alarms are in the clock's own state. */
export interface StandardPcState {
  readonly pic8259: PicState;
  readonly pit8254: PitState;
  readonly serial16550: SerialState;
  readonly keyboard8042: Keyboard8042State;
  readonly vgaText: VgaTextState;
  readonly cmosRtc: CmosState;
  readonly a20: A20State;
  readonly bios: BiosState;
  readonly fwCfg: FwCfgState;
  readonly localApic: LocalApicState | undefined;
}

export class StandardPc {
  readonly ports = new PortSpace();
  readonly mmio = new MmioSpace();
  readonly pic: Pic8259;
  readonly pit: Pit8254;
  readonly serial: Serial16550;
  readonly keyboard: Keyboard8042;
  readonly vga: VgaText;
  readonly cmos: CmosRtc;
  readonly bios: Bios;
  readonly fwCfg: FwCfg;
  readonly localApic: LocalApic | undefined;
  private readonly gate: A20Gate;
  private readonly a20Port: A20Port;

  constructor(config: StandardPcConfig) {
    const { clock, output, memorySizeBytes, alarmPrefix = "" } = config;
    this.localApic = this.createLocalApic(config);
    const pic = new Pic8259({ intr: this.lint0(config.intr) });
    this.pic = pic;
    this.gate = new A20Gate(config.a20);
    this.a20Port = new A20Port({ gate: this.gate, output });
    this.pit = new Pit8254({ clock, alarmPrefix, irq: pic.line(IRQ.TIMER) });
    this.serial = new Serial16550({ clock, alarmPrefix, output, irq: pic.line(IRQ.SERIAL) });
    this.keyboard = new Keyboard8042({
      clock,
      alarmPrefix,
      output,
      gate: this.gate,
      irq: pic.line(IRQ.KEYBOARD),
      auxiliaryIrq: pic.line(IRQ.AUXILIARY),
    });
    this.vga = new VgaText({ clock });
    this.cmos = new CmosRtc({ clock, alarmPrefix, memorySizeBytes, irq: pic.line(IRQ.CLOCK) });
    this.bios = new Bios({
      clock,
      ports: this.ports,
      memory: config.memory ?? NO_MEMORY,
      memorySizeBytes,
      disk: config.disk ?? new Uint8Array(0),
      bootDrive: config.bootDrive ?? DEFAULT_BOOT_DRIVE,
      notice: config.notice ?? (() => undefined),
    });
    this.fwCfg = new FwCfg({ memorySizeBytes, processorCount: 1 });
    this.placeWindows(output);
    if (config.firmware ?? true) {
      runFirmware(this.ports);
      this.localApic?.enterVirtualWireMode();
    }
  }

  private createLocalApic({ clock, intr, localApic, alarmPrefix = "" }: StandardPcConfig) {
    if (!localApic) return undefined;
    const acknowledgeExternal = (): number => this.pic.acknowledge();
    return new LocalApic({ ...localApic, clock, intr, alarmPrefix, acknowledgeExternal });
  }

  /** Where the 8259's INTR output leads. */
  private lint0(intr: InterruptLine): InterruptLine {
    const apic = this.localApic;
    if (!apic) return intr;
    return {
      set: (level) => {
        apic.setLint0(level);
      },
    };
  }

  /** False while the A20 gate holds address bit 20 at 0. */
  get isA20Open(): boolean {
    return this.gate.isOpen;
  }

  /** The processor's interrupt acknowledge: the vector. */
  acknowledgeInterrupt(): number {
    return this.localApic ? this.localApic.acknowledge() : this.pic.acknowledge();
  }

  /** Bytes come in on the serial line; the guest gets them at the line's pace. */
  receiveSerial(bytes: Iterable<number>): void {
    for (const byte of bytes) this.serial.receive(byte);
  }

  /** Somebody types the text. */
  typeKeys(text: string): void {
    this.keyboard.press(text);
  }

  screen(): TextScreen {
    return this.vga.screen();
  }

  screenText(): string {
    return this.vga.text();
  }

  save(): StandardPcState {
    return {
      pic8259: this.pic.save(),
      pit8254: this.pit.save(),
      serial16550: this.serial.save(),
      keyboard8042: this.keyboard.save(),
      vgaText: this.vga.save(),
      cmosRtc: this.cmos.save(),
      a20: this.a20Port.save(),
      bios: this.bios.save(),
      fwCfg: this.fwCfg.save(),
      localApic: this.localApic?.save(),
    };
  }

  /** Restores every device; levels of interrupt lines are part of the interrupt controller's state. */
  load(state: StandardPcState): void {
    this.pit.load(state.pit8254);
    this.serial.load(state.serial16550);
    this.keyboard.load(state.keyboard8042);
    this.vga.load(state.vgaText);
    this.cmos.load(state.cmosRtc);
    this.a20Port.load(state.a20);
    this.bios.load(state.bios);
    this.fwCfg.load(state.fwCfg);
    this.pic.load(state.pic8259);
    if (state.localApic) this.localApic?.load(state.localApic);
  }

  private placeWindows(output: DeviceOutput): void {
    const { ports } = this;
    const debugConsole = new DebugConsole({ output });
    const debugExit = new DebugExit({ output });
    ports.addDevice(this.pic.name, PIC_PORTS, this.pic.windows);
    ports.addDevice(this.pit.name, PIT_PORTS, this.pit.windows);
    ports.addDevice(this.serial.name, SERIAL_PORTS, this.serial.windows);
    ports.addDevice(this.keyboard.name, KEYBOARD_PORTS, this.keyboard.windows);
    ports.addDevice(this.vga.name, VGA_PORTS, this.vga.windows);
    ports.addDevice(this.cmos.name, CMOS_PORTS, this.cmos.windows);
    ports.addDevice(this.a20Port.name, A20_PORTS, this.a20Port.windows);
    ports.addDevice(this.bios.name, BIOS_PORTS, this.bios.windows);
    ports.addDevice(this.fwCfg.name, FW_CFG_PORTS, this.fwCfg.windows);
    ports.addDevice(debugConsole.name, DEBUG_CONSOLE_PORTS, debugConsole.windows);
    ports.addDevice(debugExit.name, DEBUG_EXIT_PORTS, debugExit.windows);
    this.mmio.add(VGA_MEMORY.base, VGA_MEMORY.length, this.vga.memoryWindow, this.vga.name);
  }
}

export function createStandardPc(config: StandardPcConfig): StandardPc {
  return new StandardPc(config);
}
