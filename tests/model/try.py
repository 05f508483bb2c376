import sys,time
sys.path.insert(0,'/tmp/wt-model')
from tests.model.explorer import explore
from tests.model.state import *
from tests.model.workers import worker_steps
from tests.model.revokers import revoker_steps, restore_steps
from tests.model.faults import time_and_faults
def go(bounds, *wrong, limit=3_000_000):
    wrong=frozenset(wrong)
    def steps(w):
        for n in range(bounds.workers): yield from worker_steps(w,n,bounds,wrong)
        yield from revoker_steps(w,bounds,wrong)
        yield from restore_steps(w,wrong)
        yield from time_and_faults(w,bounds)
    t=time.time()
    try: r=explore(start(bounds),steps,fault=lambda w: "stale" if w.accepted>=0 else None,goal=lambda w:w.told==bounds.revisions,limit=limit)
    except AssertionError as e: print(wrong,e,time.time()-t); return
    print(wrong, bounds); print(r, r.reached, "%.1fs"%(time.time()-t)); sys.stdout.flush()
if __name__=='__main__':
    f=frozenset
    go(Bounds(1,1,1,2,0))
    go(Bounds(1,1,2,2,1,f({"crash","give up"})))
    go(Bounds(1,1,2,2,1,f({"flush"})))
    go(Bounds(1,1,2,2,1,f({"lose"})))
    go(Bounds(2,1,1,2,0))
    L="a lease counts from the reply"
    for m in [L,"a strike does not compare the counter","the journal is loaded before enrolling","verify reads the index before the lease","a renewal needs no membership"]:
        go(Bounds(1,1,2,2,1,f({"give up"})),m)
