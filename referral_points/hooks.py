def post_init_hook(env):
    """Give the points a value in each company, and the main company its plan.

    The plan pays in points, so it can only be active once points have a value.
    """
    companies = env["res.company"].search([])
    companies._referral_update_point_rate()
    env["referral.plan"]._referral_create_points_plan(env.company)
