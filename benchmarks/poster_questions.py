"""What bench_poster.py asks inside Odoo: a world of links, and times of functions."""

import io
import json
import random
import time

from PIL import Image

ADDRESS = "192.0.2.1"
SIZE = (1600, 1000)


def make_photo(seed):
    """Return a JPEG that compresses like a photo: soft shapes with grain."""
    dice = random.Random(seed)
    small = Image.new("RGB", (16, 10))
    small.putdata([tuple(dice.randrange(256) for _c in "rgb") for _pixel in range(160)])
    photo = small.resize(SIZE, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(SIZE, 24).convert("RGB")
    out = io.BytesIO()
    Image.blend(photo, grain, 0.12).save(out, "JPEG", quality=85)
    return out.getvalue()


def make_world(env, count):
    """Make ``count`` links to an article with a photo; return their codes."""
    for name in ("link", "address"):
        parameter = f"referral_distribution.poster_limit_{name}"
        env["ir.config_parameter"].set_param(parameter, str(10**6))
    cover = env["ir.attachment"].create(
        {"name": "photo.jpg", "raw": make_photo(1), "public": True}
    )
    post = env["blog.post"].create(
        {
            "name": "一家机械厂如何把交期缩短三分之一",
            "subtitle": "订单、库存、车间一套系统：我们做了什么，谁来做的",
            "blog_id": env["blog.blog"].search([], limit=1).id,
            "is_published": True,
            "cover_properties": json.dumps(
                {"background-image": f"url(/web/image/{cover.id}/photo.jpg)"}
            ),
        }
    )
    channel = env["referral.channel"].search([("kind", "=", "own")], limit=1)
    members = env["res.partner"].create(
        [{"name": f"王芳 {n}", "member_state": "active"} for n in range(count)]
    )
    links = env["referral.link"]
    codes = [links._obtain(m, channel, post.website_url).code for m in members]
    env.cr.commit()
    return codes


def _ask_once(env, code, design):
    """Do what the route does, up to the answer; return milliseconds and the kind."""
    begin = time.perf_counter()
    cpu = time.process_time()
    link = env["referral.link"]._find_for_poster(code)
    draft = link._in_poster_language()._draft_poster(design)
    pictures = env["referral.poster.picture"].sudo()
    found = pictures._find(draft.fingerprint)
    if not found:
        pictures._obtain(link, draft, ADDRESS)
    spent = (time.perf_counter() - begin, time.process_time() - cpu)
    return bool(found), *(1000 * seconds for seconds in spent)


def ask(env, codes, rounds):
    """Return ``{"cold"|"cached": [[milliseconds, of them CPU]]}`` of the function."""
    public = env(user=env.ref("base.public_user"))
    designs = public["referral.poster.design"]
    company = env.company
    times = {"cold": [], "cached": []}
    _ask_once(public, codes[0], designs._choose(company, 0))  # fonts, backgrounds
    for number in range(rounds):
        for code in codes[1:]:
            env.cr.rollback()
            env.transaction.clear()  # a request starts with an empty cache
            choices = designs._get_choices(company)
            design = choices[number // 2 % len(choices)]
            found, *spent = _ask_once(public, code, design)
            times["cached" if found else "cold"].append(spent)
    return times
