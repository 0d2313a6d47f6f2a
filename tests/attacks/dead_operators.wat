;; tries: operators that are never reached, with types that nobody can know, to make the pass count
;;   or leave out what it must not
;; expect: trapped unreachable
;; where: declares = instance + memory_page + table_bulk + 2*table_element + table_bulk + table_element
;;   + memory_bulk + 3*memory_bulk_64_bytes/64
;; bill: declares + branch
(module
  (type $nothing (func))
  (type $pair (func (param i32 i64) (result f64 f32)))
  (memory 1 1)
  (table $table 2 funcref)
  (elem $elements func $callee)
  (data $data "abc")
  (func $callee)
  (func (export "_start") (local $v i32)
    unreachable
    memory.fill
    memory.init $data
    data.drop $data
    memory.grow
    drop
    table.fill $table
    table.init $table $elements
    table.grow $table
    drop
    elem.drop $elements
    select
    ref.is_null
    select
    f64.sqrt
    i64.reinterpret_f64
    i32.wrap_i64
    local.tee $v
    br_if 0
    call_indirect $table (type $pair)
    drop
    drop
    f64x2.div
    i64x2.extract_lane 1
    drop
    block (param i32 i64) (result f64)
      unreachable
      drop
      br_table 0 0 0
    end
    drop
    return_call_indirect $table (type $nothing)
    unreachable))
