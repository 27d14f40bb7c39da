;; The grammar of JSON, stepped through without building a value. `json-scan.ts` calls this and says what it means.
;; `npm run wasm` writes `json-scan-wasm.ts` anew from this file.
;;
;; Memory:
;;   0     a byte for each container that is open, 1 for an object, 0 for an array: 1,024 of them (`deepest` in
;;         json-scan.ts)
;;   1024  a bit for each length up to 24 and first byte of a role that was told of: 25 * 256 bits, 800 bytes
;;   2048  the text (`textStart` in json-scan-room.ts, which writes it)
;; Behind the text stand 32 bytes of zero (`behind` there). No space or number goes on past a zero, and the end of a
;; string is compared with the text's. What reads farthest behind the end is the search for the end of a role: 24 bytes.
(module
  (memory (import "room" "memory") 1)

  ;; Behind the text.
  (global $end (mut i32) (i32.const 0))
  ;; Deepest nesting.
  (global $depth (mut i32) (i32.const 0))
  ;; How many containers are open.
  (global $level (mut i32) (i32.const 0))
  ;; Where a run stopped.
  (global $position (export "position") (mut i32) (i32.const 0))
  ;; Behind the number of which only the caller can say whether a double can hold it.
  (global $numberEnd (export "numberEnd") (mut i32) (i32.const 0))
  ;; Whether the last number is such a one.
  (global $doubtful (mut i32) (i32.const 0))

  (func (export "begin") (param $end i32) (param $depth i32)
    (global.set $end (local.get $end))
    (global.set $depth (local.get $depth))
    (global.set $level (i32.const 0))
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 800)))

  ;; Behind the spaces at `$at`.
  (func $space (export "space") (param $at i32) (result i32)
    (local $code i32)
    (loop $next
      (local.set $code (i32.load8_u (local.get $at)))
      (if (i32.gt_u (local.get $code) (i32.const 32)) (then (return (local.get $at))))
      (if (i32.or
            (i32.or (i32.eq (local.get $code) (i32.const 32)) (i32.eq (local.get $code) (i32.const 10)))
            (i32.or (i32.eq (local.get $code) (i32.const 13)) (i32.eq (local.get $code) (i32.const 9))))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $at))

  ;; Behind the string whose opening quote stands at `$at`; 0 if it is not closed. A block may reach 15 bytes behind the
  ;; end, where no quotes stand.
  (func $string (export "string") (param $at i32) (result i32)
    (local $bytes v128)
    (local $found i32)
    (local $bit i32)
    (local $code i32)
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (loop $block
      (if (i32.ge_u (local.get $at) (global.get $end)) (then (return (i32.const 0))))
      (local.set $bytes (v128.load align=1 (local.get $at)))
      ;; A bit for each of the next 16 bytes that is a quote or a backslash.
      (local.set $found
        (i8x16.bitmask
          (v128.or
            (i8x16.eq (local.get $bytes) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
            (i8x16.eq (local.get $bytes) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))))
      (loop $next
        (if (i32.eqz (local.get $found))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br $block)))
        (local.set $bit (i32.ctz (local.get $found)))
        (local.set $code (i32.load8_u (i32.add (local.get $at) (local.get $bit))))
        (if (i32.eq (local.get $code) (i32.const 34))
          (then (return (i32.add (i32.add (local.get $at) (local.get $bit)) (i32.const 1)))))
        ;; A backslash, and what it escapes, which may be the first byte behind these.
        (if (i32.eq (local.get $bit) (i32.const 15))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 17)))
            (br $block)))
        (local.set $found
          (i32.and (local.get $found) (i32.xor (i32.shl (i32.const 3) (local.get $bit)) (i32.const -1))))
        (br $next)))
    (unreachable))

  (func $isDigit (param $at i32) (result i32)
    (i32.lt_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)) (i32.const 10)))

  ;; Behind the digits at `$at`.
  (func $digits (param $at i32) (result i32)
    (loop $next
      (if (call $isDigit (local.get $at))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $at))

  ;; Behind the number at `$at`; 0 if it is none.
  (func $number (param $at i32) (result i32)
    (local $whole i32)
    (local $code i32)
    (local $exponent i32)
    (local $negative i32)
    (local $from i32)
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45))
      (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (local.set $from (local.get $at))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 48))
      (then (local.set $at (i32.add (local.get $at) (i32.const 1))))
      (else
        (local.set $at (call $digits (local.get $at)))
        (if (i32.eq (local.get $at) (local.get $from)) (then (return (i32.const 0))))))
    (local.set $whole (i32.sub (local.get $at) (local.get $from)))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 46))
      (then
        (local.set $from (i32.add (local.get $at) (i32.const 1)))
        (local.set $at (call $digits (local.get $from)))
        (if (i32.eq (local.get $at) (local.get $from)) (then (return (i32.const 0))))))
    (if (i32.eq (i32.or (i32.load8_u (local.get $at)) (i32.const 32)) (i32.const 101))
      (then
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $code (i32.load8_u (local.get $at)))
        (local.set $negative (i32.eq (local.get $code) (i32.const 45)))
        (if (i32.or (local.get $negative) (i32.eq (local.get $code) (i32.const 43)))
          (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
        (local.set $from (local.get $at))
        (local.set $at (call $digits (local.get $from)))
        (if (i32.eq (local.get $at) (local.get $from)) (then (return (i32.const 0))))
        (if (i32.eqz (local.get $negative))
          (then
            ;; A longer exponent counts as 9999: the caller has a look.
            (if (i32.gt_u (i32.sub (local.get $at) (local.get $from)) (i32.const 4))
              (then (local.set $exponent (i32.const 9999)))
              (else
                (loop $next
                  (local.set $exponent
                    (i32.add
                      (i32.mul (local.get $exponent) (i32.const 10))
                      (i32.sub (i32.load8_u (local.get $from)) (i32.const 48))))
                  (local.set $from (i32.add (local.get $from) (i32.const 1)))
                  (br_if $next (i32.lt_u (local.get $from) (local.get $at))))))))))
    ;; A number of 308 digits before its point, or fewer, is smaller than 1e308 and fits.
    (global.set $doubtful (i32.gt_u (i32.add (local.get $whole) (local.get $exponent)) (i32.const 308)))
    (local.set $code (i32.load8_u (local.get $at)))
    ;; As in 01, 1.2.3 and 1-2.
    (if (i32.or
          (call $isDigit (local.get $at))
          (i32.or
            (i32.or (i32.eq (local.get $code) (i32.const 43)) (i32.eq (local.get $code) (i32.const 45)))
            (i32.or
              (i32.eq (local.get $code) (i32.const 46))
              (i32.eq (i32.or (local.get $code) (i32.const 32)) (i32.const 101)))))
      (then (return (i32.const 0))))
    (local.get $at))

  ;; Whether the string at `$at` is short enough for a role, and one whose length and first byte were not told of yet. A
  ;; length here is that with the opening quote, and the first byte of an empty string is its closing quote.
  (func $isNewRole (param $at i32) (result i32)
    (local $size i32)
    (local $print i32)
    (local $byte i32)
    (local.set $size (i32.const 1))
    (loop $next
      (if (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $size))) (i32.const 34))
        (then
          (local.set $size (i32.add (local.get $size) (i32.const 1)))
          (if (i32.gt_u (local.get $size) (i32.const 24)) (then (return (i32.const 0))))
          (br $next))))
    (local.set $print
      (i32.add
        (i32.shl (local.get $size) (i32.const 8))
        (i32.load8_u (i32.add (local.get $at) (i32.const 1)))))
    (local.set $byte (i32.add (i32.const 1024) (i32.shr_u (local.get $print) (i32.const 3))))
    (local.set $print (i32.shl (i32.const 1) (i32.and (local.get $print) (i32.const 7))))
    (if (i32.and (i32.load8_u (local.get $byte)) (local.get $print)) (then (return (i32.const 0))))
    (i32.store8 (local.get $byte) (i32.or (i32.load8_u (local.get $byte)) (local.get $print)))
    (i32.const 1))

  (func $stop (param $at i32) (param $why i32) (result i32)
    (global.set $position (local.get $at))
    (local.get $why))

  ;; Steps through the value at `$at`, or through what follows a scalar inside it if `$after`.
  ;; Results (`Stop` in json-scan.ts):
  ;;   0 the value ends at `position`          5 expected ',' or '}'
  ;;   1 a string is not closed                6 expected ',' or ']'
  ;;   2 nested too deep                       7 expected ':'
  ;;   3 expected a value                      8 a role stands at `position`: go on there
  ;;   4 expected a string                     9 a number from `position` to `numberEnd`: go on behind it
  (func (export "run") (param $at i32) (param $after i32) (result i32)
    (local $code i32)
    (local $opened i32)
    (local $inObject i32)
    (local $key i32)
    (local $then i32)
    (loop $value
      (block $read
        (br_if $read (local.get $after))
        (local.set $opened (i32.const 0))
        (local.set $code (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $code) (i32.const 34))
          (then
            (local.set $then (call $string (local.get $at)))
            (if (i32.eqz (local.get $then)) (then (return (call $stop (local.get $at) (i32.const 1)))))
            (local.set $at (local.get $then))
            (br $read)))
        ;; { and [ differ in one bit.
        (if (i32.eq (i32.or (local.get $code) (i32.const 32)) (i32.const 123))
          (then
            (i32.store8 (global.get $level) (i32.eq (local.get $code) (i32.const 123)))
            (global.set $level (i32.add (global.get $level) (i32.const 1)))
            (if (i32.ge_u (global.get $level) (global.get $depth))
              (then (return (call $stop (local.get $at) (i32.const 2)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $opened (i32.const 1))
            (br $read)))
        ;; Four bytes of true, null and fals.
        (local.set $code (i32.load align=1 (local.get $at)))
        (if (i32.or
              (i32.eq (local.get $code) (i32.const 0x65757274))
              (i32.eq (local.get $code) (i32.const 0x6c6c756e)))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (br $read)))
        (if (i32.and
              (i32.eq (local.get $code) (i32.const 0x736c6166))
              (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 101)))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 5)))
            (br $read)))
        (local.set $then (call $number (local.get $at)))
        (if (i32.eqz (local.get $then)) (then (return (call $stop (local.get $at) (i32.const 3)))))
        (if (global.get $doubtful)
          (then
            (global.set $numberEnd (local.get $then))
            (return (call $stop (local.get $at) (i32.const 9)))))
        (local.set $at (local.get $then)))

      (local.set $after (i32.const 0))
      (loop $behind
        (if (i32.eqz (global.get $level)) (then (return (call $stop (local.get $at) (i32.const 0)))))
        (local.set $inObject (i32.load8_u (i32.sub (global.get $level) (i32.const 1))))
        (local.set $at (call $space (local.get $at)))
        (local.set $code (i32.load8_u (local.get $at)))
        ;; ] or }.
        (if (i32.eq (local.get $code) (i32.add (i32.const 93) (i32.shl (local.get $inObject) (i32.const 5))))
          (then
            (global.set $level (i32.sub (global.get $level) (i32.const 1)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $opened (i32.const 0))
            (br $behind)))
        (if (i32.eqz (local.get $opened))
          (then
            (if (i32.ne (local.get $code) (i32.const 44))
              (then (return (call $stop (local.get $at) (i32.sub (i32.const 6) (local.get $inObject))))))
            (local.set $at (call $space (i32.add (local.get $at) (i32.const 1))))))
        (br_if $value (i32.eqz (local.get $inObject)))
        (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 34))
          (then (return (call $stop (local.get $at) (i32.const 4)))))
        (local.set $key (local.get $at))
        (local.set $at (call $string (local.get $at)))
        (if (i32.eqz (local.get $at)) (then (return (call $stop (local.get $key) (i32.const 1)))))
        (local.set $then (i32.sub (local.get $at) (local.get $key)))
        (local.set $at (call $space (local.get $at)))
        (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 58))
          (then (return (call $stop (local.get $at) (i32.const 7)))))
        (local.set $at (call $space (i32.add (local.get $at) (i32.const 1))))
        ;; "role" with its quotes, and a string behind it.
        (br_if $value (i32.ne (local.get $then) (i32.const 6)))
        (br_if $value (i32.ne (i32.load offset=1 align=1 (local.get $key)) (i32.const 0x656c6f72)))
        (br_if $value (i32.ne (i32.load8_u (local.get $at)) (i32.const 34)))
        (br_if $value (i32.eqz (call $isNewRole (local.get $at))))
        (return (call $stop (local.get $at) (i32.const 8)))))
    (unreachable)))
