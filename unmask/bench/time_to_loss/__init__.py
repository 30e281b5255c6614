"""Time to loss: in which share of a peer's time `unmask pretrain` reaches the peer's loss.

    python -m unmask.bench.time_to_loss --text train.txt --held-out valid.txt --work runs/ttl

Time is steps times the time of a step. The step times of both loops are measured in rounds beside
each other; a budget in minutes then is a number of steps, over which the loop's schedule decays.
So a neighbour on the machine slows the runs down and changes nothing in the result.

Every stage is kept in the working folder, and every run of a loop: started again, it goes on.
"""
