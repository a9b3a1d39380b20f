;; An observer whose core module is the test's own: what Rust cannot make, a table that grows or a start function
;; that traps. It calls itself NAME, subscribes to `demo.*`, and runs $hostile when the event is `demo.loop`.
(component
  IMPORTS
  (core module $main
    CORE-IMPORTS
    (memory (export "memory") 1)
    ;; Name, version, pattern; the list with the pattern; the description, whose other fields are empty.
    (data (i32.const 1024) "NAME")
    (data (i32.const 1152) "0.1.0demo.*")
    (data (i32.const 1280) "\85\04\00\00\06\00\00\00")
    (data (i32.const 2048) "\00\04\00\00LENG\80\04\00\00\05\00\00\00\00\00\00\00\00\00\00\00\00\05\00\00\01\00\00\00")
    (global $free (mut i32) (i32.const 8192))
    ;; Room for the arguments of one call; the next one begins anew.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "describe") (result i32) (i32.const 2048))
    (func (export "init") (param i32 i32) (result i32)
      (global.set $free (i32.const 8192))
      (i32.const 4096))
    (func (export "stop"))
    ;; The sixth letter of the event's type tells `demo.loop` from others. What it answers is ok: zeros.
    (func (export "handle") (param $event i32) (result i32)
      (if (i32.eq (i32.load8_u offset=5 (i32.load offset=16 (local.get $event))) (i32.const 108))
        (then (call $hostile)))
      (global.set $free (i32.const 8192))
      (i32.const 4096))
    GUEST
  )
  (core instance $main (instantiate $main WITH))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))

  (type $texts (list string))
  (type $entity (record (field "kind" string) (field "id" string)))
  (type $event (record
    (field "seq" u64) (field "id" string) (field "type" string) (field "source" string) (field "time" u64)
    (field "entity" (option $entity)) (field "session" (option string)) (field "payload" string) (field "depth" u8)))
  (type $failure (variant (case "failed" string) (case "retry" string)))
  (type $pattern (record (field "program" string) (field "args" $texts)))
  (type $capability (variant
    (case "emit" string) (case "process" $pattern) (case "workspace-read" string) (case "workspace-write" string)
    (case "data" u64) (case "interactions") (case "session-effects") (case "gate-allow") (case "gate-rewrite")))
  (type $description (record
    (field "name" string) (field "version" string) (field "summary" string) (field "subscriptions" $texts)
    (field "gates" $texts) (field "needs" (list $capability)) (field "wants" (list $capability))
    (field "config-schema" (option string))))

  (func $describe (result $description)
    (canon lift (core func $main "describe") (memory $memory)))
  (func $init (param "config" string) (result (result (error string)))
    (canon lift (core func $main "init") (memory $memory) (realloc $realloc)))
  (func $stop (canon lift (core func $main "stop")))
  (func $handle (param "event" $event) (result (result (error $failure)))
    (canon lift (core func $main "handle") (memory $memory) (realloc $realloc)))

  ;; An exported interface names its types; these components are there for the names alone.
  (component $lifecycle
    (type $pattern' (record (field "program" string) (field "args" (list string))))
    (import "pattern" (type $pattern (eq $pattern')))
    (type $capability' (variant
      (case "emit" string) (case "process" $pattern) (case "workspace-read" string) (case "workspace-write" string)
      (case "data" u64) (case "interactions") (case "session-effects") (case "gate-allow") (case "gate-rewrite")))
    (import "capability" (type $capability (eq $capability')))
    (type $description' (record
      (field "name" string) (field "version" string) (field "summary" string) (field "subscriptions" (list string))
      (field "gates" (list string)) (field "needs" (list $capability)) (field "wants" (list $capability))
      (field "config-schema" (option string))))
    (import "description" (type $description (eq $description')))
    (import "describe" (func $describe (result $description)))
    (import "init" (func $init (param "config" string) (result (result (error string)))))
    (import "stop" (func $stop))
    (export $shown-pattern "process-pattern" (type $pattern))
    (type $capability'' (variant
      (case "emit" string) (case "process" $shown-pattern) (case "workspace-read" string)
      (case "workspace-write" string) (case "data" u64) (case "interactions") (case "session-effects")
      (case "gate-allow") (case "gate-rewrite")))
    (export $shown-capability "capability" (type $capability''))
    (type $description'' (record
      (field "name" string) (field "version" string) (field "summary" string) (field "subscriptions" (list string))
      (field "gates" (list string)) (field "needs" (list $shown-capability)) (field "wants" (list $shown-capability))
      (field "config-schema" (option string))))
    (export $shown-description "description" (type $description''))
    (export "describe" (func $describe) (func (result $shown-description)))
    (export "init" (func $init))
    (export "stop" (func $stop)))
  (instance $lifecycle (instantiate $lifecycle
    (with "pattern" (type $pattern)) (with "capability" (type $capability))
    (with "description" (type $description)) (with "describe" (func $describe)) (with "init" (func $init))
    (with "stop" (func $stop))))
  (export "tollgate:plugin/lifecycle@0.1.0" (instance $lifecycle))

  (component $handler
    (type $entity' (record (field "kind" string) (field "id" string)))
    (import "entity" (type $entity (eq $entity')))
    (type $event' (record
      (field "seq" u64) (field "id" string) (field "type" string) (field "source" string) (field "time" u64)
      (field "entity" (option $entity)) (field "session" (option string)) (field "payload" string)
      (field "depth" u8)))
    (import "event" (type $event (eq $event')))
    (type $failure' (variant (case "failed" string) (case "retry" string)))
    (import "failure" (type $failure (eq $failure')))
    (import "handle" (func $handle (param "event" $event) (result (result (error $failure)))))
    (export $shown-entity "entity" (type $entity))
    (type $event'' (record
      (field "seq" u64) (field "id" string) (field "type" string) (field "source" string) (field "time" u64)
      (field "entity" (option $shown-entity)) (field "session" (option string)) (field "payload" string)
      (field "depth" u8)))
    (export $shown-event "event" (type $event''))
    (export $shown-failure "failure" (type $failure))
    (export "handle" (func $handle) (func (param "event" $shown-event) (result (result (error $shown-failure))))))
  (instance $handler (instantiate $handler
    (with "entity" (type $entity)) (with "event" (type $event)) (with "failure" (type $failure))
    (with "handle" (func $handle))))
  (export "tollgate:plugin/handler@0.1.0" (instance $handler))
)
