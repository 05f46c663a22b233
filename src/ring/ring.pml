/* The ring of ring.h as a Spin model: DropOldest by CAS on head, all interleavings, sequentially consistent memory.
 * (Weak memory is the scheduler's part.) Positions grow without bound in the code; here they stay below 255.
 *
 * N slots, P producers with K records each, a consumer that takes up to two records with one CAS.
 * Record p*K+k is the k-th of producer p. Asserted: a slot's value is touched by its owner alone; every record ends exactly
 * once, popped or dropped; records of one producer arrive in order; nothing is left. Spin adds: nobody is stuck.
 *
 * Planted faults, each of which Spin must find: -DFAULT_PRIVATE_HEAD (the consumer moves head by a plain store),
 * -DFAULT_EARLY_PUBLISH (sequence before value), -DN=1. Run by tools/spin/run.
 */
#ifndef N
#define N 2
#endif
#ifndef P
#define P 2
#endif
#ifndef K
#define K 3
#endif
#define TOTAL (P * K)

byte sequence[N];
byte value[N];
byte owners[N];
byte head = 0;
byte tail = 0;

/* Book-keeping of the model, not of the ring. */
bit ended[TOTAL];
byte next_of[P];
byte producers_done = 0;
byte ended_count = 0;

inline own(slot)    { owners[slot]++; assert(owners[slot] == 1) }
inline disown(slot) { owners[slot]-- }
inline end_record(id) { assert(id < TOTAL); assert(!ended[id]); ended[id] = 1; ended_count++ }

inline cas(word, expected, desired, won) {
  atomic {
    if
    :: word == expected -> word = desired; won = 1
    :: else -> won = 0
    fi
  }
}

inline write_and_publish(slot, id, position) {
#ifdef FAULT_EARLY_PUBLISH
  sequence[slot] = (position) + 1;
  own(slot); value[slot] = id; disown(slot)
#else
  own(slot); value[slot] = id; disown(slot);
  sequence[slot] = (position) + 1
#endif
}

/* Dead variables would only multiply the states. */
inline forget() { t = 0; s = 0; won = 0 }

proctype Producer(byte p) {
  byte k = 0, t, s, old;
  bit won;
  do
  :: k < K ->
    t = tail;
    s = sequence[t % N];
    if
    :: s == t ->                                  /* free: claim by CAS on tail */
      cas(tail, t, t + 1, won);
      if
      :: won -> write_and_publish(t % N, p * K + k, t); d_step { k++; forget() }
      :: else
      fi
    :: s != t && s + N == t + 1 ->                /* the lap before is committed: take it, reuse its slot */
      cas(head, t - N, t - N + 1, won);
      if
      :: won ->
        tail = t + 1;
        own(t % N); old = value[t % N]; disown(t % N);
        d_step { end_record(old); old = 0 };
        write_and_publish(t % N, p * K + k, t); d_step { k++; forget() }
      :: else
      fi
    :: else                                       /* busy */
    fi
  :: else -> break
  od;
  producers_done++
}

inline deliver(position) {
  own((position) % N); v = value[(position) % N]; disown((position) % N);
  sequence[(position) % N] = (position) + N;
  d_step {
    end_record(v);
    assert(v % K + 1 > next_of[v / K]);
    next_of[v / K] = v % K + 1;
    v = 0
  }
}

proctype Consumer() {
  byte h, n, v;
  bit won;
  do
  :: h = head;
    atomic {
      if
      :: sequence[h % N] == h + 1 -> n = 1
      :: else -> n = 0
      fi
    };
    atomic {
      if
      :: n == 1 && N > 1 && sequence[(h + 1) % N] == h + 2 -> n = 2
      :: else
      fi
    };
    if
    :: n > 0 ->
#ifdef FAULT_PRIVATE_HEAD
      head = h + n; won = 1;
#else
      cas(head, h, h + n, won);
#endif
      if
      :: won ->
        deliver(h);
        if
        :: n == 2 -> deliver(h + 1)
        :: else
        fi
      :: else
      fi
    :: else ->
      if
      :: producers_done == P && head == tail -> break
      :: else
      fi
    fi
  od;
  assert(ended_count == TOTAL)
}

init {
  atomic {
    byte i = 0;
    do
    :: i < N -> sequence[i] = i; i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < P -> run Producer(i); i++
    :: else -> break
    od;
    run Consumer()
  }
}
